"""Where it is written who may use the REST API: our own file, Connect's extension, and an identity provider."""

from pathlib import Path

import pytest

from heliograph.config.access import Role
from heliograph.config.load import make_config
from heliograph.config.model import OidcConfig, RestConfig
from heliograph.config.passwords import keep
from heliograph.config.properties import parse_properties
from heliograph.errors import ConfigError, ConfigErrors

MM2 = """
clusters = west, east
west.bootstrap.servers = 127.0.0.1:1
east.bootstrap.servers = 127.0.0.1:2
west->east.enabled = true
"""
EXTENSION = "rest.extension.classes=org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"
EVERYWHERE = "listeners=http://0.0.0.0:8083"


def rest(*lines: str) -> RestConfig:
    text = "\n".join([MM2, *lines])
    found = make_config(parse_properties(text.encode(), Path("mm2.properties")), environ={}).rest
    assert found is not None
    return found


@pytest.fixture
def own(tmp_path) -> Path:
    path = tmp_path / "who.conf"
    path.write_text(f"user alice {keep('correct horse', bytes(16))}\nallow alice read west->east\n")
    return path


@pytest.fixture
def jaas(tmp_path) -> Path:
    users = tmp_path / "users.properties"
    users.write_text("bob=hunter2\n")
    path = tmp_path / "jaas.conf"
    module = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
    path.write_text(f'Other {{ x required; }};\nKafkaConnect {{\n  {module} required\n  file="{users}";\n}};\n')
    return path


def test_a_file_of_ours_lets_it_listen_everywhere(own):
    found = rest(EVERYWHERE, f"heliograph.rest.access.file={own}")
    assert found.read_access is not None
    assert found.read_access().role(["alice"], "west->east") is Role.READ
    assert found.read_access().role(["anonymous"], "west->east") is None


def test_a_mistake_in_it_is_told_with_those_of_the_configuration(own):
    own.write_text("allow nobody\n")
    with pytest.raises(ConfigErrors) as refused:
        rest(EVERYWHERE, f"heliograph.rest.access.file={own}", "tasks.max=none")
    assert len(refused.value.errors) == 2


def test_a_file_that_is_not_there_is_told_with_its_key(tmp_path):
    with pytest.raises(
        ConfigError, match=r"mm2\.properties:8 heliograph\.rest\.access\.file: the file .* does not exist"
    ):
        rest(EVERYWHERE, f"heliograph.rest.access.file={tmp_path / 'none'}")


def test_users_of_connects_extension_may_do_everything_as_there(jaas):
    found = rest(EVERYWHERE, EXTENSION, f"heliograph.rest.jaas.file={jaas}")
    assert found.read_access is not None
    access = found.read_access()
    assert access.role(["bob"], "anything") is Role.ADMIN
    assert access.role(["alice"], "anything") is None
    assert "hunter2" not in repr(access)


def test_with_a_file_of_ours_it_says_what_they_may(jaas, own):
    own.write_text("allow bob read payments-*\n")
    found = rest(EVERYWHERE, EXTENSION, f"heliograph.rest.jaas.file={jaas}", f"heliograph.rest.access.file={own}")
    assert found.read_access is not None
    access = found.read_access()
    assert access.role(["bob"], "payments-1") is Role.READ
    assert access.role(["bob"], "other") is None
    assert set(access.passwords) == {"bob"}


def test_an_extension_without_users_never_leaves_the_api_open():
    with pytest.raises(ConfigError, match="wants passwords, and it is not known whose"):
        rest("listeners=http://127.0.0.1:8083", EXTENSION)


def test_other_java_code_is_refused():
    with pytest.raises(ConfigError, match=r"names com\.example\.Ours, Java code that cannot run here"):
        rest("listeners=http://127.0.0.1:8083", "rest.extension.classes=com.example.Ours")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Other { x required; };", "has no entry KafkaConnect"),
        ("KafkaConnect { x required };", "KafkaConnect does not end in a semicolon"),
        (
            "KafkaConnect { com.example.LdapLoginModule required; };",
            "names the login module com.example.LdapLoginModule",
        ),
    ],
)
def test_a_jaas_file_that_cannot_be_used_is_told(tmp_path, text, told):
    path = tmp_path / "jaas.conf"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        rest(EVERYWHERE, EXTENSION, f"heliograph.rest.jaas.file={path}")
    assert told in str(refused.value)


def test_an_empty_file_of_users_lets_nobody_in(tmp_path, jaas):
    (tmp_path / "users.properties").write_text("")
    with pytest.raises(ConfigError, match="holds no user"):
        rest(EVERYWHERE, EXTENSION, f"heliograph.rest.jaas.file={jaas}")


OIDC = [
    "heliograph.rest.oidc.jwks.url=https://id.example/keys",
    "heliograph.rest.oidc.issuer=https://id.example",
    "heliograph.rest.oidc.audience=heliograph",
]


def test_an_identity_provider(own):
    found = rest(EVERYWHERE, f"heliograph.rest.access.file={own}", *OIDC)
    assert found.oidc == OidcConfig("https://id.example/keys", "https://id.example", ("heliograph",), "sub", "groups")


def test_an_identity_provider_alone_allows_nothing():
    with pytest.raises(ConfigError, match=r"needs heliograph\.rest\.access\.file"):
        rest("listeners=http://127.0.0.1:8083", *OIDC)


@pytest.mark.parametrize("missing", range(3))
def test_whom_a_token_must_come_from_and_be_meant_for_is_never_left_open(own, missing):
    lines = [line for number, line in enumerate(OIDC) if number != missing]
    with pytest.raises(ConfigError, match=r"heliograph\.rest\.oidc\..* is missing"):
        rest(EVERYWHERE, f"heliograph.rest.access.file={own}", *lines)


@pytest.mark.parametrize("url", ["http://id.example/keys", "ftp://id.example", "file:///etc/passwd", "id.example"])
def test_keys_come_by_https(own, url):
    with pytest.raises(ConfigError, match="must be the https address"):
        rest(EVERYWHERE, f"heliograph.rest.access.file={own}", f"heliograph.rest.oidc.jwks.url={url}", *OIDC[1:])
