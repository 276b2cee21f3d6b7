"""Connect's REST API over connectors that are stored in a Kafka of memory, guarded as in the real program."""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from connect_files import WORKER, worker
from showing import Told

from fake_cluster import FakeCluster
from heliograph.api.serve import Guarded, listen, serve
from heliograph.concurrency import all_of
from heliograph.config.access import Access
from heliograph.config.load import make_config
from heliograph.config.model import RestConfig, RestListener
from heliograph.connect.stored_connectors import StoredConnectors
from heliograph.observe.model import ProcessView
from rest_server import Client, in_a_loop

LIMIT_S = 20
CLASS = "org.apache.kafka.connect.mirror.Mirror{}Connector"


def config(source: str = "west", kind: str = "Source", **more: str) -> dict[str, str]:
    return {
        "connector.class": CLASS.format(kind),
        "source.cluster.alias": source,
        "target.cluster.alias": "east",
        "source.cluster.bootstrap.servers": "127.0.0.1:1",
        **more,
    }


class Process:
    """A process without records."""

    def __init__(self, connectors: StoredConnectors) -> None:
        self._connectors = connectors

    def view(self) -> ProcessView:
        return ProcessView("1", "compiled", 0.0, 0.0, 0)

    def stop(self) -> None:
        pass

    async def reload(self) -> None:
        self._connectors.load()


@contextmanager
def api(access: Access | None, *, settle: bool = True) -> Iterator[int]:
    """Serve the connectors of a cluster in memory, two of them created."""
    with FakeCluster("connect") as fake:
        connectors = StoredConnectors(
            worker(WORKER.replace("127.0.0.1:9092", fake.bootstrap)), "127.0.0.1:8083", partial(make_config, environ={})
        )
        listener = listen(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        rest = RestConfig(
            (RestListener("127.0.0.1", port, tls=False),), "127.0.0.1:8083", None, access and (lambda: access)
        )

        async def run() -> None:
            process = Process(connectors)
            guarded = Guarded(rest, connectors, Told())
            app = guarded.app(guarded.flows(process))
            await all_of((connectors.run(process), serve(listener, app)))

        with in_a_loop(run()):
            if settle:
                settled(port)
            yield port


def settled(port: int) -> None:
    deadline = time.monotonic() + LIMIT_S
    with Client(port) as client:
        while client.ask("GET", "/health", headers=as_user("admin"))[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def as_user(name: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:pass word".encode()).decode()}


def ask(port: int, user: str, method: str, path: str, body: object = None) -> tuple[int, object]:
    with Client(port) as client:
        return client.ask(method, path, body, as_user(user) if user else None)[:2]
