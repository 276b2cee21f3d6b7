"""``heliograph verify`` on topics that were written on both sides by another client: the same, and wrong in every way."""

import json
import secrets
from html.parser import HTMLParser

import pytest
from plain_client import Row, create_topic, delete_records, write, write_transactions

pytestmark = pytest.mark.brokers

BEGIN_MS = 1_700_000_000_000
RECORDS = 600


def row(number, **changes):
    given = {"key": b"k%d" % number, "value": b"v%d" % number, "timestamp_ms": BEGIN_MS + number, **changes}
    return Row(0, **given)


ROWS = [row(number) for number in range(RECORDS)]
COPIES = {
    "equal": ROWS,
    "recoded": ROWS,
    "appended": ROWS,
    "headers": [*ROWS[:300], row(300, headers=(("trace", b"2"),)), *ROWS[301:]],
    "value": [*ROWS[:300], row(300, value=b"changed"), *ROWS[301:]],
    "time": [*ROWS[:300], row(300, timestamp_ms=BEGIN_MS), *ROWS[301:]],
    "missing": [*ROWS[:300], *ROWS[303:]],
    "extra": [*ROWS[:300], row(9_999), *ROWS[300:]],
    "doubled": [*ROWS[:400], *ROWS[350:]],
    "reordered": [*ROWS[:300], ROWS[301], ROWS[300], *ROWS[302:]],
    "behind": ROWS[:500],
    "source-cut": ROWS,
    "target-cut": ROWS,
    "both-cut": ROWS,
    "both-cut-and-missing": [*ROWS[:300], *ROWS[301:]],
    "compacted": [row(number) for number in range(200) if number % 3],
    "compacted-wrong": [row(number) for number in range(200) if number % 3],
}
EXPECTED = {
    "headers": {"altered": 1},
    "value": {"altered": 1},
    "time": {"altered": 1},
    "missing": {"missing": 3},
    "extra": {"extra": 1},
    "doubled": {"doubled": 50},
    "reordered": {"reordered": 1},
    "both-cut-and-missing": {"missing": 1},
    "compacted-wrong": {"altered": 1, "missing": 1, "extra": 1},
}


@pytest.fixture(scope="module")
def prefix():
    return f"kinds-{secrets.token_hex(3)}"


@pytest.fixture(scope="module")
def both_sides(source_kafka, target_kafka, prefix):
    """Write every topic and its copy, with other batches and codecs on the two sides."""
    for name, copied in COPIES.items():
        topic, copy = f"{prefix}-{name}", f"wry.{prefix}-{name}"
        policy = {"cleanup_policy": "compact"} if name.startswith("compacted") else {"retention_ms": "-1"}
        create_topic(source_kafka, topic, **policy)
        appended = {"message_timestamp_type": "LogAppendTime"} if name == "appended" else {}
        create_topic(target_kafka, copy, **policy, **appended)
        codec = "zstd" if name == "recoded" else "none"
        if name.startswith("compacted"):
            # Each side has lost other records, as if compaction had come by at other times.
            latest = [row(600 + number, key=b"k%d" % number, value=b"late") for number in range(200)]
            theirs = [*copied, *latest]
            if name.endswith("wrong"):
                changed = row(780, key=b"k180", value=b"?")
                theirs = [*copied, *latest[:150], *latest[151:180], changed, *latest[181:], row(1, key=b"no")]
            write(source_kafka, topic, [*ROWS[:200:2], *latest, row(0, key=b"gone", value=None)])
            write(target_kafka, copy, theirs)
            continue
        write(source_kafka, topic, ROWS, batch_size=700, linger_ms=5, compression_type=codec)
        write(target_kafka, copy, copied, batch_size=2_500, linger_ms=5)
    delete_records(source_kafka, f"{prefix}-source-cut", 0, 100)
    delete_records(target_kafka, f"wry.{prefix}-target-cut", 0, 100)
    for name, ours, theirs in (("both-cut", 100, 130), ("both-cut-and-missing", 130, 100)):
        delete_records(source_kafka, f"{prefix}-{name}", 0, ours)
        delete_records(target_kafka, f"wry.{prefix}-{name}", 0, theirs)


@pytest.fixture(scope="module")
def verified(both_sides, source_kafka, target_kafka, prefix, lasting_heliograph, one_way, tmp_path_factory):
    """The report on all of them, by the name of the topic, and the report's folder."""
    folder = tmp_path_factory.mktemp("report")
    properties = one_way(source_kafka, target_kafka, "wry", f"{prefix}-.*")
    running = lasting_heliograph(
        properties, "--wait", "0.5", "--bandwidth", "100%", "--report", str(folder / "found"), command="verify"
    )
    assert running.wait() == 5, running.log
    told = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    partitions = {each["topic"].removeprefix(f"{prefix}-"): each for each in told["flows"][0]["partitions"]}
    return partitions, folder, running.log


def kinds(partition):
    names = ("missing", "extra", "doubled", "reordered", "altered")
    return {name: partition[name] for name in names if partition[name]}


@pytest.mark.parametrize("name", COPIES)
def test_each_topic_gets_its_verdict(verified, name):
    found = verified[0][name]
    assert kinds(found) == EXPECTED.get(name, {}), found
    verdict = "different" if name in EXPECTED else "behind" if name == "behind" else "proven"
    assert found["verdict"] == verdict, found


def test_every_record_is_counted(verified):
    found = verified[0]
    for name in ("equal", "recoded", "appended", "extra", "doubled"):
        assert found[name]["records"] == RECORDS, name
    assert found["missing"]["records"] == RECORDS - 3
    assert found["behind"]["records"] == 500
    assert found["behind"]["not_copied"] == 100
    assert found["appended"]["timestamps"] is False
    assert found["equal"]["timestamps"] is True


def test_what_retention_removed_is_out_of_range(verified):
    found = verified[0]
    assert (found["source-cut"]["target_outside"], found["source-cut"]["records"]) == (100, 500)
    assert (found["target-cut"]["source_outside"], found["target-cut"]["records"]) == (100, 500)
    assert (found["both-cut"]["source_outside"], found["both-cut"]["records"]) == (30, 470)
    assert found["both-cut"]["source"] == {"first": 130, "next": 600}
    assert found["both-cut"]["target"] == {"first": 130, "next": 600}


def test_a_difference_is_shown_with_offsets_and_neighbours(verified):
    (missing, *_) = verified[0]["missing"]["differences"]
    assert (missing["kind"], missing["source_offset"], missing["target_offset"]) == ("missing", 300, 300)
    assert missing["source"]["key"] == "k300"
    assert missing["target"] is None
    assert [each["key"] for each in missing["source_before"]] == ["k298", "k299"]
    assert [each["key"] for each in missing["target_before"]] == ["k298", "k299"]
    assert [each["key"] for each in missing["target_after"]] == ["k303", "k304"]
    (headers,) = verified[0]["headers"]["differences"]
    assert headers["fields"] == ["headers"]
    assert headers["target"]["headers"] == [["trace", "2"]]
    assert verified[0]["time"]["differences"][0]["fields"] == ["timestamp"]
    assert verified[0]["value"]["differences"][0]["fields"] == ["value"]
    (wrong,) = [each for each in verified[0]["compacted-wrong"]["differences"] if each["kind"] == "altered"]
    assert (wrong["source"]["value"], wrong["target"]["value"], wrong["fields"]) == ("late", "?", ["value"])


def test_digests_agree_where_the_records_do(verified):
    for name, found in verified[0].items():
        same = found["verdict"] in {"proven", "behind"}
        assert len(found["source_sha256"]) == 64
        assert (found["source_sha256"] == found["target_sha256"]) == same, name
    assert verified[0]["equal"]["source_sha256"] == verified[0]["recoded"]["source_sha256"]


class Page(HTMLParser):
    """Balances tags and looks for whatever a browser would load."""

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.loads += [value for name, value in attrs if name in {"src", "href"}]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_stands_alone(verified, prefix):
    page = Page()
    page.feed((verified[1] / "found.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert page.loads == []
    assert f"{prefix}-equal-0" in page.text
    assert verified[0]["equal"]["source_sha256"] in page.text
    assert "key k300 is missing on the target, at source offset 300, target offset 300" in page.text


def test_the_terminal_says_it_too(verified):
    log = verified[2]
    assert "Different: " in log
    assert "100 records at most had not arrived yet" in log
    assert "> source  300  at 1700000000300  key k300  value v300" in log


def test_aborted_records_are_not_missed(source_kafka, target_kafka, unique, heliograph, one_way, tmp_path):
    """Both sides hold transactions, of which other ones were aborted."""
    create_topic(source_kafka, unique, 2)
    create_topic(target_kafka, f"wry.{unique}", 2)
    write_transactions(source_kafka, unique, unique, 9)
    write(source_kafka, unique, [row(1)])
    write_transactions(target_kafka, f"wry.{unique}", unique, 9)
    write(target_kafka, f"wry.{unique}", [row(1)])
    properties = one_way(source_kafka, target_kafka, "wry", unique)
    report = tmp_path / "found.json"
    running = heliograph(properties, "--wait", "0.5", "--report", str(report), command="verify")
    # The client stamps each side's records itself, and nothing else differs.
    assert running.wait() == 5, running.log
    told = json.loads(report.read_text(encoding="utf-8"))
    found = told["flows"][0]["partitions"]
    assert sum(each["altered"] for each in found) == 6 * 3
    assert {name for each in found for name in each["differences"][0]["fields"]} == {"timestamp"}
    assert sum(each["records"] for each in found) == 1
