from heliograph.config.model import ClusterConfig, Sasl, Secret, Tls


def test_a_secret_shows_itself_only_when_asked():
    secret = Secret("hush")
    assert f"{secret} {secret!r} {secret!s}" == "**** **** ****"
    assert secret.reveal() == "hush"
    assert "hush" not in repr(Sasl("PLAIN", "u", secret))
    assert secret == Secret("hush")
    assert secret != Secret("other")
    assert secret != "hush"
    assert len({secret, Secret("hush")}) == 1


def test_the_protocol_has_kafkas_names():
    sasl, tls = Sasl("PLAIN", "u", Secret("p")), Tls(None)
    names = [ClusterConfig("a", (), tls=t, sasl=s).protocol for t in (None, tls) for s in (None, sasl)]
    assert names == ["PLAINTEXT", "SASL_PLAINTEXT", "SSL", "SASL_SSL"]


def test_a_cluster_that_is_made_without_a_file_has_the_defaults_of_the_option_table(load_text):
    """A connection needs an address only, so these fields have defaults; the table is where they are decided."""
    (flow,) = load_text().flows
    for cluster in (flow.source, flow.target):
        assert ClusterConfig(cluster.alias, cluster.bootstrap) == cluster
