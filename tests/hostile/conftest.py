"""Hostile tests may not take much memory: what grows with a peer's claims dies here instead of filling the machine."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from trials import Answer

from heliograph.records import _reference

try:
    from heliograph.records import _kernel
except ImportError:
    _kernel = None

GROWTH_BYTES_MAX = 2 << 30
"""Address space beyond what the process has when a module begins. The largest body that is unpacked takes 256 MiB."""


@pytest.fixture(scope="module", autouse=True)
def _little_memory() -> Iterator[None]:
    """Let no allocation of the module's tests succeed that leads beyond GROWTH_BYTES_MAX."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    statm = Path("/proc/self/statm")
    if os.environ.get("HELIOGRAPH_SANITIZED") or not statm.exists():  # a sanitizer reserves terabytes for itself
        yield
        return
    now_bytes = int(statm.read_text().split()[0]) * resource.getpagesize()
    hard = before[1]
    soft = now_bytes + GROWTH_BYTES_MAX
    resource.setrlimit(resource.RLIMIT_AS, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(scope="session")
def answers() -> list[Answer]:
    """The corpus: real answers of real brokers."""
    folder = Path(__file__).parent / "corpus"
    found = []
    for path in sorted(folder.glob("*.v*.bin")):
        api, version, *_ = path.name.split(".")
        found.append(Answer(path.name, api, int(version[1:]), path.read_bytes()))
    assert len(found) > 50, "the corpus is there"
    return found


@pytest.fixture(scope="session")
def compiled():
    if _kernel is None:
        pytest.skip("the compiled kernel is not built")
    return _kernel


@pytest.fixture(params=[_reference] if _kernel is None else [_reference, _kernel], ids=lambda module: module.NAME)
def kernel(request):
    return request.param
