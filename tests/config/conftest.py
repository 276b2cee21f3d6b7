"""A fixture that loads a configuration given as text."""

from datetime import UTC, datetime

import pytest

from heliograph.config import load

BASE = "clusters=A, B\nA.bootstrap.servers=a:1\nB.bootstrap.servers=b:2\nA->B.enabled=true\n"


@pytest.fixture
def load_text(tmp_path):
    """Load ``BASE`` (four lines) followed by the text given, or that text alone."""

    def load_it(text="", *, base=BASE, environ=None, only_targets=(), name="mm2.properties"):
        path = tmp_path / name
        path.write_bytes((base + text).encode("latin-1"))
        now = datetime(2027, 1, 1, tzinfo=UTC)
        return load(path, environ=environ or {}, only_targets=only_targets, now=now)

    return load_it
