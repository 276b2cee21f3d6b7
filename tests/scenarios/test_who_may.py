"""Two lines of business share one process: each sees and steers its own flow only, and no secret comes out."""

import base64
import os
import shutil
import ssl
import time
from typing import Any

import pytest
from plain_client import create_topic, simple_rows, wait_for_rows, write

from heliograph.config.passwords import SALT_BYTES, keep, keep_token
from heliograph.testbed.tlsfiles import TlsFiles
from rest_server import Client, trusting

pytestmark = pytest.mark.brokers

PASSWORD, TOKEN, HIDDEN = "a-word-of-alice", "a-token-of-trade", "a-word-for-brokers"
ALICE = {"Authorization": f"Basic {base64.b64encode(f'alice:{PASSWORD}'.encode()).decode()}"}
TRADE = {"Authorization": f"Bearer {TOKEN}"}
WRONG = {"Authorization": f"Basic {base64.b64encode(b'alice:wr0ng-w0rd').decode()}"}
OWN = "/heliograph/v1/flows"
PAY, SHOP = f"{OWN}/whopay-%3Etarget", f"{OWN}/whoshop-%3Etarget"
RULES = f"""
user  alice  {keep(PASSWORD, os.urandom(SALT_BYTES))}
token trade  {keep_token(TOKEN)}
allow alice                 admin   whopay->target
allow trade                 operate whoshop->target
allow "certificate:CN=eve"  read    *
"""


@pytest.fixture
def lines(source_kafka, target_kafka, heliograph, one_way, unique, port, tmp_path):
    """Start both flows in one process, with TLS and rules; return what runs, and the files of its certificates."""
    files = TlsFiles(tmp_path / "tls")
    rules = tmp_path / "who-may.conf"
    rules.write_text(RULES, encoding="utf-8")
    create_topic(source_kafka, unique, 1)
    write(source_kafka, unique, simple_rows(10))
    more = {
        "clusters": "whopay, whoshop, target",
        "whoshop.bootstrap.servers": source_kafka.bootstrap(),
        "whoshop->target.enabled": "true",
        "whoshop->target.topics": unique,
        "target->whoshop.emit.heartbeats.enabled": "false",
        "whopay.sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="u" password="{HIDDEN}";',
        "listeners": f"https://127.0.0.1:{port}",
        "listeners.https.ssl.keystore.location": files.server.pem,
        "listeners.https.ssl.truststore.location": files.trust.pem,
        "listeners.https.ssl.client.auth": "requested",
        "heliograph.rest.access.file": rules,
    }
    running = heliograph(one_way(source_kafka, target_kafka, "whopay", unique, more))
    for alias in ("whopay", "whoshop"):
        wait_for_rows(target_kafka, f"{alias}.{unique}", 10)
    return running, files


def seen(client: Client, user: dict[str, str]) -> tuple[set[str], set[str], Any]:
    """Return the flows that a user sees by our own API, those by Connect's, and all that Connect's tells."""
    flows = {each["name"] for each in client.ask("GET", OWN, headers=user)[1]["flows"]}
    told = client.ask("GET", "/connectors?expand=info&expand=status", headers=user)[1]
    configs = [each["info"]["config"] for each in told.values()]
    ways = {f"{each['source.cluster.alias']}->{each['target.cluster.alias']}" for each in configs}
    return flows, ways, told


def connector_of(told: Any, alias: str) -> str:
    """Return the path of a flow's connector that copies."""
    (name,) = (
        name
        for name, each in told.items()
        if each["info"]["config"]["source.cluster.alias"] == alias
        and each["info"]["config"]["connector.class"].endswith("SourceConnector")
    )
    return "/connectors/" + name.replace(">", "%3E")


def seen_after_renewal(port: int, fresh: TlsFiles) -> set[str]:
    """Return the flows that alice sees by a connection which trusts only the new certificate."""
    deadline = time.monotonic() + 20  # the files are looked at once a second, when somebody connects
    while True:
        try:
            with Client(port, trusting(fresh.trust.pem)) as client:
                return seen(client, ALICE)[0]
        except ssl.SSLCertVerificationError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_each_line_of_business_sees_and_steers_its_own(lines, port):
    running, files = lines
    pay, shop = "whopay->target", "whoshop->target"
    with (
        Client(port, trusting(files.trust.pem)) as client,
        Client(port, trusting(files.trust.pem, files.identity("eve").pem)) as eve,
    ):
        assert seen(client, ALICE)[:2] == ({pay}, {pay})
        assert seen(client, TRADE)[:2] == ({shop}, {shop})
        *both, told = seen(eve, {})
        assert both == [{pay, shop}, {pay, shop}]
        assert HIDDEN not in str(told)
        status, _, headers = client.ask("GET", "/connectors")
        assert (status, headers["www-authenticate"].partition(" ")[0]) == (401, "Basic")
        assert client.ask("GET", OWN, headers=WRONG)[0] == 401

        ours, theirs = connector_of(told, "whopay"), connector_of(told, "whoshop")
        assert [client.ask("PUT", f"{theirs}/pause", headers=ALICE)[0], eve.ask("PUT", f"{ours}/pause")[0]] == [
            404,
            403,
        ]
        assert [client.ask("POST", f"{SHOP}/pause", {}, ALICE)[0], eve.ask("POST", f"{PAY}/pause", {})[0]] == [404, 403]
        assert client.ask("DELETE", f"{theirs}/offsets", headers=TRADE)[0] == 403, "operate moves no position"
        assert client.ask("GET", f"{theirs}/status", headers=TRADE)[1]["connector"]["state"] == "RUNNING"
        config = client.ask("GET", f"{ours}/config", headers=ALICE)[1]
        assert (client.ask("PUT", f"{ours}/config", config, ALICE)[0], HIDDEN in str(config)) == (200, False)
        assert "told by REST" not in running.log, "nothing was changed"

        assert client.ask("PUT", f"{theirs}/pause", headers=TRADE)[0] == 202
        running.wait_for("told by REST")
        (audit,) = (line for line in running.log.splitlines() if "told by REST" in line)
        for field in ("who=trade", "address=127.0.0.1", "what=state", "before=RUNNING", "after=PAUSED"):
            assert field in audit
        deadline = time.monotonic() + 20
        while (state := client.ask("GET", f"{theirs}/status", headers=TRADE)[1]["connector"]["state"]) != "PAUSED":
            assert time.monotonic() < deadline, state
            time.sleep(0.05)
        assert client.ask("GET", f"{ours}/status", headers=ALICE)[1]["connector"]["state"] == "RUNNING"

        fresh = TlsFiles(files.server.pem.parents[1] / "fresh")
        shutil.copyfile(fresh.server.pem, files.server.pem)
        assert seen_after_renewal(port, fresh) == {pay}
        assert "renewed files are taken on" in running.log
        assert seen(client, ALICE)[0] == {pay}, "an open connection goes on"
    assert running.stop() == 0
    for secret in (PASSWORD, TOKEN, HIDDEN, "wr0ng-w0rd", "Traceback"):
        assert secret not in running.log
