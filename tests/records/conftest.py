"""Every test of this room that asks for ``kernel`` runs twice: on the Python twin and on the compiled kernel."""

import pytest

from heliograph.records import _reference, parcels, reading

try:
    from heliograph.records import _kernel
except ImportError:
    _kernel = None

KERNELS = [_reference] if _kernel is None else [_reference, _kernel]


@pytest.fixture(params=KERNELS, ids=lambda module: module.NAME)
def kernel(request, monkeypatch):
    monkeypatch.setattr(parcels, "kernel", request.param)
    monkeypatch.setattr(reading, "kernel", request.param)
    return request.param


@pytest.fixture
def compiled():
    if _kernel is None:
        pytest.skip("the compiled kernel is not built")
    return _kernel
