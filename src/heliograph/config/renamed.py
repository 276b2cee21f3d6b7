"""Spellings of keys that Kafka 4.0 removed, or that never were, and that still mean one thing only.

MM2 4.x ignores the removed ones without a word, which after an upgrade means "copy everything". Here they work, with a
warning; where both spellings stand in a file, the new one wins, as it did up to Kafka 3.9.
"""

from dataclasses import replace

from heliograph.config.model import Warned
from heliograph.config.properties import Property

_RENAMED = {
    "topics.blacklist": "topics.exclude",
    "groups.blacklist": "groups.exclude",
    "config.properties.blacklist": "config.properties.exclude",
    "topics.whitelist": "topics",
    "groups.whitelist": "groups",
}
_REMOVED = ("topics.blacklist", "groups.blacklist", "config.properties.blacklist")


def rename(entries: dict[str, Property]) -> tuple[dict[str, Property], list[Warned]]:
    """Return the entries under today's keys, and a warning for each that was renamed or that lost to today's key."""
    renamed = dict(entries)
    warnings = []
    for key, entry in entries.items():
        prefix, name = _split(key)
        new_name = _RENAMED.get(name)
        if new_name is None:
            continue
        new_key = prefix + new_name
        del renamed[key]
        history = "was removed in Kafka 4.0" if name in _REMOVED else "is no key of MM2"
        if new_key in entries:
            warnings.append(Warned(key, f"{key} {history} and has no effect beside {new_key}; remove it", entry.line))
        else:
            renamed[new_key] = replace(entry, key=new_key)
            warnings.append(Warned(key, f"{key} {history}; it is read as {new_key}, write that instead", entry.line))
    return renamed, warnings


def _split(key: str) -> tuple[str, str]:
    """Split ``A->B.topics.blacklist`` into ``A->B.`` and the rest; a bare key has an empty prefix."""
    for name in _RENAMED:
        if key == name or (key.endswith(f".{name}") and "->" in key):
            return key[: -len(name)], name
    return "", key
