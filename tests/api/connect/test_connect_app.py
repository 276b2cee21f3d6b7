"""What the paths answer, for connectors that are kept in memory."""

import pytest
from asking_app import ask

from heliograph.api.connect.app import make_connect_app
from heliograph.errors import NotFound
from heliograph.observe.connectors import (
    Conflict,
    ConnectorView,
    RunState,
    StoredOffset,
    TaskView,
    Wanted,
)

NAME = "west->east.MirrorSourceConnector"
PATH = "/connectors/west-%3Eeast.MirrorSourceConnector"
CONFIG = {"topics": "orders", "name": NAME}
COUNTED = "Connector configuration is invalid and contains the following 1 error(s):\n"


def view(name=NAME, config=None, state=RunState.RUNNING):
    tasks = tuple(TaskView(number, state, "a:1", config={"n": str(number)}) for number in range(2))
    return ConnectorView(name, config or {**CONFIG, "name": name}, state, "a:1", "", "4.3.1", tasks, ("west.orders",))


class Kept:
    """Connectors in memory, and notes of what was told."""

    def __init__(self, *names):
        self.cluster_id = "abc"
        self.told = []
        self._views = {name: view(name) for name in names}

    def all(self):
        return self._views

    def _there(self, name):
        if name not in self._views:
            raise NotFound(f"Connector {name} not found")
        return self._views[name]

    async def create(self, name, config, wanted):
        if name in self._views:
            raise Conflict(f"Connector {name} already exists")
        self.told.append((name, dict(config), wanted))
        return view(name, config)

    async def configure(self, name, config):
        self.told.append((name, dict(config)))
        return view(name, config), name not in self._views

    async def patch(self, name, changes):
        self.told.append((name, dict(changes)))
        return self._there(name)

    async def delete(self, name):
        self._there(name)
        self.told.append(name)

    async def want(self, name, wanted):
        self.told.append((name, wanted))

    async def restart(self, name, *, include_tasks, only_failed):
        self.told.append((name, include_tasks, only_failed))
        return self._there(name)

    async def restart_task(self, name, number):
        self.told.append((name, number))

    async def offsets(self, name):
        self._there(name)
        return [StoredOffset({"topic": "orders"}, {"offset": 41})]

    async def alter_offsets(self, name, offsets):
        self.told.append((name, [(dict(each.partition), each.offset) for each in offsets]))

    async def reset_offsets(self, name):
        self.told.append(name)


def asked(method, path, body=None, *, there=(NAME,)):
    """Return the answer, and what the connectors were told."""
    kept = Kept(*there)
    return ask(make_connect_app(kept), method, path, body), kept.told


def error(told):
    assert told.body["error_code"] == told.status
    return told.status, told.body["message"]


def test_the_root_and_health():
    told, _ = asked("GET", "/")
    assert told.body == {"version": "4.3.1", "commit": "unknown", "kafka_cluster_id": "abc"}
    assert asked("GET", "/health")[0].body["status"] == "healthy"
    kept = Kept()
    kept.cluster_id = ""
    told = ask(make_connect_app(kept), "GET", "/health")
    assert (told.status, told.body["status"]) == (503, "starting")


@pytest.mark.parametrize("path", ["/connectors", "/connectors/"])
def test_the_list(path):
    assert asked("GET", path)[0].body == [NAME]


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("expand=status", ["status"]),
        ("expand=info&expand=status", ["info", "status"]),
        ("expand=nothing&expand=status", ["status"]),
        ("expand=", []),
        ("expand", []),
        ("expand=STATUS", []),
    ],
)
def test_the_list_with_more(query, keys):
    told, _ = asked("GET", f"/connectors?{query}")
    assert list(told.body) == [NAME]
    assert list(told.body[NAME]) == keys


@pytest.mark.parametrize(
    "path",
    [
        PATH,
        f"{PATH}/",
        f"/connectors/{NAME}",
        "/connectors/west-%3eeast.MirrorSourceConnector",
        "/connectors/" + "".join(f"%{ord(char):02X}" for char in NAME),
    ],
)
def test_names_are_read_however_they_are_encoded(path):
    assert asked("GET", path)[0].body["name"] == NAME


@pytest.mark.parametrize(
    ("name", "path"),
    [("a/b", "a%2Fb"), ("a%b", "a%25b"), ("a+b", "a+b"), ("a b", "a%20b"), ("a;b", "a%3Bb"), ("ü", "%C3%BC")],
)
def test_names_hold_anything(name, path):
    assert asked("GET", f"/connectors/{path}/config", there=(name,))[0].body["name"] == name


def test_what_is_shown_of_one():
    assert asked("GET", PATH)[0].body["tasks"] == [{"connector": NAME, "task": number} for number in range(2)]
    assert asked("GET", f"{PATH}/config")[0].body == CONFIG
    assert asked("GET", f"{PATH}/status")[0].body["connector"]["state"] == "RUNNING"
    assert asked("GET", f"{PATH}/tasks")[0].body[1] == {"id": {"connector": NAME, "task": 1}, "config": {"n": "1"}}
    assert asked("GET", f"{PATH}/topics")[0].body == {NAME: {"topics": ["west.orders"]}}
    assert asked("GET", f"{PATH}/offsets")[0].body == {
        "offsets": [{"partition": {"topic": "orders"}, "offset": {"offset": 41}}]
    }


@pytest.mark.parametrize(("number", "found"), [("1", 1), ("01", 1), ("-1", None), ("7", None), ("2147483647", None)])
def test_a_task_has_a_number(number, found):
    told, _ = asked("GET", f"{PATH}/tasks/{number}/status")
    if found is None:
        assert error(told) == (404, f"No status found for task {NAME}-{int(number)}")
    else:
        assert told.body == {"id": found, "state": "RUNNING", "worker_id": "a:1", "version": "4.3.1"}


@pytest.mark.parametrize("number", ["x", "1x", "2147483648", "9" * 5000, "%D9%A1", "1.0", "--1"])
def test_what_is_no_number_is_no_path(number):
    assert error(asked("GET", f"{PATH}/tasks/{number}/status")[0]) == (404, "HTTP 404 Not Found")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "Connector x not found"),
        ("/config", "Connector x not found"),
        ("/tasks", "Connector x not found"),
        ("/status", "No status found for connector x"),
        ("/tasks/0/status", "No status found for task x-0"),
        ("/offsets", "Connector x not found"),
    ],
)
def test_who_is_not_there(path, words):
    assert error(asked("GET", f"/connectors/x{path}")[0]) == (404, words)


def test_topics_of_nobody_are_none():
    assert asked("GET", "/connectors/x/topics")[0].body == {"x": {"topics": []}}


@pytest.mark.parametrize("path", ["/nowhere", "/Connectors", "/connectors/a/b/c/d", f"{PATH}/tasks-config"])
def test_paths_that_are_not_there(path):
    told, _ = asked("GET", path)
    assert error(told) == (404, "HTTP 404 Not Found")
    assert asked("OPTIONS", path)[0].status == 404


def test_create():
    body = {"name": NAME, "config": {"topics": "orders", "tasks.max": 2, "x": True, "y": 1.10, "z": None}}
    told, heard = asked("POST", "/connectors", body, there=())
    config = {"topics": "orders", "tasks.max": "2", "x": "true", "y": "1.1", "name": NAME}
    assert heard == [(NAME, config, Wanted.RUNNING)]
    assert told.status == 201
    assert told.body == {"name": NAME, "config": config, "tasks": [], "type": "source"}
    assert told.headers["location"] == f"http://connect:8083{PATH}"


@pytest.mark.parametrize(
    ("given", "wanted"), [("STOPPED", Wanted.STOPPED), ("paused", Wanted.PAUSED), (None, "RUNNING")]
)
def test_create_in_a_state(given, wanted):
    _, ((_, _, heard),) = asked("POST", "/connectors", {"name": "x", "config": {}, "initial_state": given})
    assert heard == wanted


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "The configuration is missing, or is no JSON object"),
        ({"name": "x"}, "The configuration is missing, or is no JSON object"),
        ({"name": ["x"], "config": {}}, "The values of a configuration must be texts, not objects or lists"),
        ({"name": "x", "config": {"a": {}}}, "The values of a configuration must be texts, not objects or lists"),
        ({"topics": "a"}, "'topics' is no field of such a body. It may have name, config and initial_state"),
        (
            {"name": "x", "config": {}, "initial_state": "ASLEEP"},
            "initial_state may be RUNNING, PAUSED, STOPPED, not 'ASLEEP'",
        ),
        (
            {"name": "x", "config": {"name": "y"}},
            "Connector name configuration (y) doesn't match connector name in the URL (x)",
        ),
        ({"config": {"name": "y"}}, "Connector name configuration (y) doesn't match connector name in the URL ()"),
    ],
)
def test_what_cannot_be_created(body, words):
    told, heard = asked("POST", "/connectors", body)
    assert (error(told), heard) == ((400, words), [])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (None, "Invalid value  for configuration name: String may not be empty\n"),
        ("  ", "Invalid value  for configuration name: String may not be empty\n"),
        (
            "a\x01b\x1fc",
            (
                "Invalid value a\x01b\x1fc for configuration name: String may not contain control sequences but had "
                "the following ASCII chars: 1, 31\n"
            ),
        ),
    ],
)
def test_names_that_cannot_be(name, words):
    told, heard = asked("POST", "/connectors", {"name": name, "config": {}})
    status, message = error(told)
    assert (status, heard) == (400, [])
    assert message.startswith(COUNTED + words)


def test_who_is_there_already():
    assert error(asked("POST", "/connectors", {"name": NAME, "config": {}})[0]) == (
        409,
        f"Connector {NAME} already exists",
    )


def test_configure():
    told, heard = asked("PUT", f"{PATH}/config", {"topics": "new"})
    assert (told.status, heard) == (200, [(NAME, {"topics": "new", "name": NAME})])
    assert "location" not in told.headers
    assert len(told.body["tasks"]) == 2
    told, _ = asked("PUT", "/connectors/new/config", {"topics": "new"})
    assert (told.status, told.headers["location"]) == (201, "http://connect:8083/connectors/new")
    assert told.body["tasks"] == []
    assert asked("PUT", f"{PATH}/config", {"name": "other"})[0].status == 400


def test_patch():
    told, heard = asked("PATCH", f"{PATH}/config", {"topics": None, "tasks.max": 3})
    assert (told.status, heard) == (200, [(NAME, {"topics": None, "tasks.max": "3"})])
    assert asked("PATCH", f"{PATH}/config", {"name": NAME})[0].status == 200
    for name in ("other", None):
        told, heard = asked("PATCH", f"{PATH}/config", {"name": name})
        assert (told.status, heard) == (400, [])


@pytest.mark.parametrize(
    ("method", "path", "status", "heard"),
    [
        ("PUT", "/pause", 202, (NAME, Wanted.PAUSED)),
        ("PUT", "/resume", 202, (NAME, Wanted.RUNNING)),
        ("PUT", "/stop", 204, (NAME, Wanted.STOPPED)),
        ("DELETE", "", 204, NAME),
        ("POST", "/restart", 204, (NAME, False, False)),
        ("POST", "/restart?includeTasks=perhaps", 204, (NAME, False, False)),
        ("POST", "/tasks/1/restart", 204, (NAME, 1)),
        ("PUT", "/topics/reset", 202, None),
    ],
)
def test_commands_are_answered_with_nothing(method, path, status, heard):
    told, found = asked(method, PATH + path)
    assert (told.status, told.body, found) == (status, None, [] if heard is None else [heard])


@pytest.mark.parametrize(
    ("query", "heard"), [("includeTasks=true", (NAME, True, False)), ("onlyFailed=TRUE", (NAME, False, True))]
)
def test_a_restart_with_more_shows_the_state(query, heard):
    told, found = asked("POST", f"{PATH}/restart?{query}")
    assert (told.status, told.body["name"], found) == (202, NAME, [heard])


def test_offsets_are_set_and_forgotten():
    rows = [{"partition": {"topic": "t"}, "offset": {"offset": 1}}, {"partition": {"topic": "u"}, "offset": None}, {}]
    told, heard = asked("PATCH", f"{PATH}/offsets", {"offsets": rows})
    assert told.body == {"message": "The offsets for this connector have been altered successfully"}
    assert heard == [(NAME, [({"topic": "t"}, {"offset": 1}), ({"topic": "u"}, None), ({}, None)])]
    told, heard = asked("DELETE", f"{PATH}/offsets")
    assert told.body == {"message": "The offsets for this connector have been reset successfully"}
    assert heard == [NAME]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "Partitions / offsets need to be provided for an alter offsets request"),
        ({"offsets": []}, "Partitions / offsets need to be provided for an alter offsets request"),
        ({"offsets": "all"}, "offsets must be a list"),
        ({"offsets": [], "more": 1}, "'more' is no field of such a body. It may have offsets"),
        ({"offsets": [{"offset": {"offset": 1}}]}, "Source partitions may not be null"),
        *(
            ({"offsets": [row]}, "Each of offsets is an object with partition and offset, which are objects or null")
            for row in (None, 5, {"partition": "x"}, {"partition": {}, "offset": []}, {"partition": {}, "more": 1})
        ),
    ],
)
def test_offsets_that_cannot_be_read(body, words):
    told, heard = asked("PATCH", f"{PATH}/offsets", body)
    assert (error(told), heard) == ((400, words), [])
