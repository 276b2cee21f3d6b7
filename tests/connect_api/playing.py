"""Plays the list of requests against one address, and notes what is answered."""

import http.client
import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from requests_table import Step, at, filled

LIMIT_S = 60.0
RESTART_LOOKS = 20
"""In a row, before a restart counts as over: Connect begins it some time after it has answered."""
HEADERS = ("content-type", "location", "allow")
"""Those that clients look at."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: Any
    """Parsed where it is JSON; a text otherwise, and None where there is none."""


class Player:
    """One client of one API."""

    def __init__(self, port: int, words: Mapping[str, str]) -> None:
        self.port = port
        self.words = words

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request, as its path is written."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S + 60)
        try:
            content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            told = {"Content-Type": "application/json"} if content is not None else {}
            connection.request(method, path, content, {**told, **(headers or {})})
            answer = connection.getresponse()
            raw = answer.read()
            found = {name: answer.headers[name] for name in HEADERS if answer.headers[name]}
            return Answer(answer.status, found, _parsed(raw))
        finally:
            connection.close()

    def play(self, step: Step) -> Answer:
        """Play a step, and wait for what it brings about."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            answer = self.ask(step.method, step.path, filled(step.body, self.words), step.headers)
            if not step.again_until or filled(step.again_until, self.words) in json.dumps(answer.body):
                break
            assert time.monotonic() < deadline, f"{step.what}: {answer}"
            time.sleep(0.1)
        self._settle(step)
        return answer

    def _settle(self, step: Step) -> None:
        deadline = time.monotonic() + LIMIT_S
        looks = missing = RESTART_LOOKS if "/restart" in step.path else 1
        while missing:
            missing = missing - 1 if self._settled(step) else looks
            assert time.monotonic() < deadline, f"after {step.what}: {self._state(step)}"
            time.sleep(0.1)

    def _settled(self, step: Step) -> bool:
        if step.gone and self.ask("GET", at(step.gone, "/status")).status != http.HTTPStatus.NOT_FOUND:
            return False
        if step.until is None:
            return True
        _, state, count = step.until
        found = self._state(step)
        return (
            found["connector"]["state"] == state
            and count in (None, len(found["tasks"]))
            and all(task["state"] == state for task in found["tasks"])
        )

    def _state(self, step: Step) -> Any:
        name = step.until[0] if step.until else step.gone
        body = self.ask("GET", at(name, "/status")).body
        return body if isinstance(body, dict) and "connector" in body else {"connector": {"state": ""}, "tasks": [body]}


def _parsed(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")


def play_all(player: Player, steps: Iterable[Step]) -> dict[str, Answer]:
    """Play them in order; answers by what each is."""
    return {step.what: player.play(step) for step in steps}


_WORKER = re.compile(r"\b127\.0\.0\.1:\d+")


def comparable(value: Any, words: Mapping[str, str]) -> Any:
    """Return an answer's body with what must differ named: addresses, times, versions, traces."""
    match value:
        case dict():
            return {key: _named(key, comparable(each, words)) for key, each in value.items()}
        case list():
            return [comparable(each, words) for each in value]
        case str():
            for name, word in words.items():
                value = value.replace(word, f"{{{name}}}")
            return _WORKER.sub("<worker>", value)
        case _:
            return value


def _named(key: str, value: Any) -> Any:
    if key in ("kafka_cluster_id", "commit", "last_modified") and value is not None:
        return f"<{key}>"
    if key == "trace":
        return "<trace>"
    if key == "documentation":  # ours is our own
        return "<documentation>"
    return value


def port_of(url: str) -> int:
    """Return the port of an address."""
    port = urlsplit(url).port
    assert port is not None
    return port
