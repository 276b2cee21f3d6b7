"""``response.http.headers.config``: headers that every answer gets, as Connect writes them.

Items stand apart by commas, and one that holds a comma stands in double quotes::

    add X-Content-Type-Options: nosniff, "set Cache-Control: no-cache, no-store"

``set`` replaces a header, ``add`` puts one beside it; ``setDate`` and ``addDate`` take milliseconds since 1970.
"""

import csv
import re
from email.utils import formatdate

from heliograph.config.model import HeaderRule
from heliograph.config.resolve import Found
from heliograph.errors import ConfigError

_ITEM = re.compile(r"(?P<action>\w+)\s+(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(?P<value>[\x20-\x7e]*)")
_ACTIONS = {"set": True, "setdate": True, "add": False, "adddate": False}
_REMEDY = "Write items such as: add X-Content-Type-Options: nosniff"


def parse_headers(found: Found) -> tuple[HeaderRule, ...]:
    """Parse the value. Raises ConfigError."""
    text = found.text
    if not text.strip():
        return ()
    try:
        items = next(csv.reader([text], skipinitialspace=True, strict=True))
    except (csv.Error, StopIteration):
        raise ConfigError(f"{found.where} has a quote that is never closed", remedy=_REMEDY) from None
    return tuple(_rule(item.strip(), found) for item in items)


def _rule(item: str, found: Found) -> HeaderRule:
    match = _ITEM.fullmatch(item)
    action = match["action"].lower() if match is not None else ""
    if match is None or action not in _ACTIONS:
        raise ConfigError(f"{found.where} has {item[:100]!r}, which is no action with a header", remedy=_REMEDY)
    value = match["value"].strip()
    if action.endswith("date"):
        if not value.isascii() or not value.isdecimal() or len(value) > 14:
            raise ConfigError(f"{found.where} has {item[:100]!r}, whose time is no number", remedy=_REMEDY)
        value = formatdate(int(value) / 1000, usegmt=True)
    return HeaderRule(match["name"].lower(), value, replaces=_ACTIONS[action])
