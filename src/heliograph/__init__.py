"""Heliograph copies topics, and everything that belongs to them, from one Kafka cluster to another."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heliograph.translate import OffsetTranslator

__version__ = "0.1.0"

__all__ = ["OffsetTranslator", "__version__"]


def __getattr__(name: str) -> object:
    """Load what applications use only when they ask for it: the program itself starts without it."""
    if name == "OffsetTranslator":
        return import_module("heliograph.translate").OffsetTranslator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
