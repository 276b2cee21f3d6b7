"""Where Kafka Connect's REST API is served, by Connect's own keys.

``listeners`` is a list of ``http://host:port`` (and ``https://``); ``rest.host.name`` and ``rest.port`` are its two
older keys. Without a host it is the loopback address, where Connect takes every address there is: what can stop a copy
is not shown to a network unasked.
"""

import re
from collections.abc import Callable

from heliograph.config.model import RestConfig, RestListener
from heliograph.config.resolve import Found
from heliograph.errors import ConfigError

PORT = 8083
LOOPBACK = "127.0.0.1"
_LISTENER = re.compile(
    r"(?P<scheme>[A-Za-z]+)://(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^\s:/\[\]]*)):(?P<port>[0-9]{1,5})/?"
)


def find_rest(find: Callable[[str], Found], *, always: bool) -> RestConfig | None:
    """Return where the API is served; None: nowhere. ``find`` looks a key up; ``always``: also where no key says so.

    Raises ConfigError.
    """
    listeners, port, host = find("listeners"), find("rest.port"), find("rest.host.name")
    if listeners.items:
        found = tuple(_listener(item, listeners) for item in listeners.items)
    elif port.value is not None or host.text or always:
        number = port.number if port.value is not None else PORT
        if not 0 < number < 65_536:
            raise ConfigError(f"{port.where} must be the number of a port", remedy=f"Write {PORT}")
        found = (RestListener(host.text or LOOPBACK, number, tls=False),)
    else:
        return None
    advertised = find("rest.advertised.host.name").text or found[0].host
    told = find("rest.advertised.port")
    return RestConfig(found, f"{advertised}:{told.number if told.value is not None else found[0].port}")


def _listener(item: str, found: Found) -> RestListener:
    match = _LISTENER.fullmatch(item)
    if match is None or match["scheme"].lower() not in ("http", "https") or not 0 < int(match["port"]) < 65_536:
        remedy = f"Write http://{LOOPBACK}:{PORT}"
        raise ConfigError(f"{found.where} has {item[:100]!r}, which is no http://host:port", remedy=remedy)
    host = match["v6"] or match["host"] or LOOPBACK
    return RestListener(host, int(match["port"]), tls=match["scheme"].lower() == "https")
