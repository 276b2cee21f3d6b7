"""Values that are read again when their files changed."""

import logging

import pytest

from heliograph.api.renewal import LOOK_S, Renewed
from heliograph.config.properties import read_bytes
from heliograph.errors import ConfigError


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def renewed(path, clock):
    def read() -> str:
        text = read_bytes(path, "the file").decode()
        if text == "wrong":
            raise ConfigError("it is wrong")
        return text

    return Renewed("words", read, clock)


def test_a_changed_file_is_read_again_but_not_looked_at_all_the_time(tmp_path):
    path, clock = tmp_path / "file", Clock()
    path.write_text("one")
    value = renewed(path, clock)
    path.write_text("three")
    assert value.now() == "one"
    clock.now_s += LOOK_S
    assert value.now() == "three"


def test_a_link_that_leads_elsewhere_is_a_change(tmp_path):
    path, clock = tmp_path / "link", Clock()
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    path.symlink_to("a")
    value = renewed(path, clock)
    (tmp_path / "new").symlink_to("b")
    (tmp_path / "new").replace(path)
    clock.now_s += LOOK_S
    assert value.now() == "b"


def test_what_cannot_be_read_is_told_once_and_the_value_stays(tmp_path, caplog):
    path, clock = tmp_path / "file", Clock()
    path.write_text("one")
    value = renewed(path, clock)
    path.write_text("wrong")
    for _ in range(3):
        clock.now_s += LOOK_S
        assert value.now() == "one"
    assert [each.levelno for each in caplog.records] == [logging.ERROR]
    path.unlink()
    clock.now_s += LOOK_S
    assert value.now() == "one"
    path.write_text("two")
    clock.now_s += LOOK_S
    assert value.now() == "two"


def test_what_cannot_be_read_at_first_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        renewed(tmp_path / "none", Clock())
