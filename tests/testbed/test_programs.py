"""What MirrorMaker 2 and a Connect worker have in common: a file, a process, and an end."""

import pytest

from heliograph.errors import HeliographError
from heliograph.testbed.programs import ConnectProgram


class Nothing(ConnectProgram):
    title = "Nothing"
    main_class = "org.example.Nothing"

    def _starts(self) -> int:
        return 0


@pytest.mark.brokers
def test_a_program_that_ends_at_once_is_told_with_its_log() -> None:
    program = Nothing("key=value", "4.3.1", (), ())
    try:
        with pytest.raises(HeliographError, match=r"Nothing 4\.3\.1"):
            program.start(60)
        assert "org.example.Nothing" in program.log()
    finally:
        program.close()
    assert not program.running


def test_versions_are_numbers() -> None:
    with pytest.raises(HeliographError, match="not a version"):
        Nothing("", "newest", (), ())
