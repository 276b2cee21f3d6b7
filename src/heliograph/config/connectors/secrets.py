"""Configurations of connectors as they may be shown: without secrets, but so that they can be given back unchanged."""

from collections.abc import Mapping

from heliograph.config.resolve import sounds_secret

MASK = "[hidden]"
"""What Kafka shows in place of a password."""


def masked(config: Mapping[str, str]) -> dict[str, str]:
    """Return a configuration with masks in place of secrets; references to where they are kept stay."""
    return {
        key: MASK if sounds_secret(key) and value and not _refers(value) else value for key, value in config.items()
    }


def unmasked(config: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """Return a configuration with the secrets that it had ``before`` in place of masks."""
    return {key: before.get(key, value) if value == MASK else value for key, value in config.items()}


def _refers(value: str) -> bool:
    return value.startswith("${") and value.endswith("}") and value.count("${") == 1
