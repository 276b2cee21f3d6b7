"""Whether a flow copies in transactions: what MM2's keys for exactly-once delivery ask for, taken together."""

from heliograph.config.model import TransactionConfig, Warned
from heliograph.config.resolve import Found
from heliograph.errors import ConfigError

TIMEOUT_MS = 60_000
"""Kafka's default ``transaction.timeout.ms``."""


def transactions_of(
    *, support: Found, required: Found, boundary: Found, interval: Found, flush_interval_ms: int, read_committed: bool
) -> tuple[TransactionConfig | None, tuple[Warned, ...]]:
    """Return how transactions are made (None: not at all), and what their author should be told.

    ``support`` is the worker's ``exactly.once.source.support``, ``required`` the flow's ``exactly.once.support``,
    ``boundary`` and ``interval`` its ``transaction.boundary`` and ``.interval.ms``. Raises ConfigError where
    exactly-once delivery is required and cannot be had, as MM2 does.
    """
    is_required = required.text == "required"
    if support.text != "enabled":
        if is_required:
            raise ConfigError(
                f"{required.where} asks for exactly-once delivery, which is not switched on",
                remedy=f"Set {support.entry.key if support.entry else support.where}=enabled",
            )
        return None, _preparing(support)
    if is_required and not read_committed:
        raise ConfigError(
            f"{required.where} cannot be kept while records of aborted transactions are read",
            remedy="Set isolation.level=read_committed for the consumer of the source",
        )
    if boundary.text == "poll":
        return TransactionConfig(None, TIMEOUT_MS), ()
    every_ms = interval.number if interval.value is not None else flush_interval_ms
    return TransactionConfig(every_ms, max(TIMEOUT_MS, every_ms + TIMEOUT_MS // 2)), ()


def _preparing(support: Found) -> tuple[Warned, ...]:
    if support.text != "preparing" or support.entry is None:
        return ()
    key = support.entry.key
    message = f"{key} is like disabled here: no preparation is needed, enabled can be set at once"
    return (Warned(key, message, support.entry.line),)
