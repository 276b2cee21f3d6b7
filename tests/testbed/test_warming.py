import pytest

from heliograph.testbed import DEFAULT_VERSION
from heliograph.testbed.class_archives import archive_path
from heliograph.testbed.java import find_java
from heliograph.testbed.warming import main, warm


@pytest.mark.brokers
def test_what_is_warm_stays_as_it_is(kafka_jars, capsys) -> None:
    warm(DEFAULT_VERSION)
    archive = archive_path(find_java(), kafka_jars)
    made = archive.stat().st_mtime_ns
    main([DEFAULT_VERSION])
    assert archive.stat().st_mtime_ns == made
    assert capsys.readouterr().out == ""


def test_what_cannot_be_prepared_is_told_and_stops_nobody(capsys) -> None:
    main(["newest"])
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("Kafka newest is not prepared for quick starts: 'newest' is not a version")
