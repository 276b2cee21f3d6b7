"""Where Kafka Connect's REST API is served, by Connect's own keys, and that not everybody may use it.

``listeners`` is a list of ``http://host:port`` and ``https://host:port``; ``rest.host.name`` and ``rest.port`` are its
two older keys. Without a host it is the loopback address, where Connect takes every address there is: what can stop a
copy is not shown to a network unasked. For the same reason another address needs authentication.
"""

import ipaddress
import re

from heliograph.config.model import ClientAuth, RestConfig, RestListener, ServerTls, Warned
from heliograph.config.options import Family
from heliograph.config.resolve import Found
from heliograph.config.rest_access import FILE as ACCESS_FILE
from heliograph.config.rest_access import find_access, find_oidc
from heliograph.config.rest_headers import parse_headers
from heliograph.config.rest_tls import Find, find_server_tls
from heliograph.config.security import SERVER_TLS_NAMES
from heliograph.errors import ConfigError

PORT = 8083
LOOPBACK = "127.0.0.1"
OWN = "heliograph."
"""How the options begin that Connect does not have; they stand at the top level only."""
ANONYMOUS = f"{OWN}rest.allow.anonymous"
_LISTENER = re.compile(
    r"(?P<scheme>[A-Za-z]+)://(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^\s:/\[\]]*)):(?P<port>[0-9]{1,5})/?"
)


def family_of(name: str, *, behind: bool) -> Family:
    """Return the family of an option of the REST API; ``behind``: of a key behind a cluster's alias."""
    if name in SERVER_TLS_NAMES:
        return Family.CONNECTION
    return Family.WORKER if behind and not name.startswith(OWN) else Family.FILE


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches ``host``; a name is not looked up."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def find_rest(find: Find, warnings: list[Warned], *, always: bool) -> RestConfig | None:
    """Return where the API is served; None: nowhere. ``always``: also where no key says so. Raises ConfigError."""
    listeners, port, host = find("", "listeners"), find("", "rest.port"), find("", "rest.host.name")
    if listeners.items:
        origin = listeners
        found = tuple(_listener(item, listeners) for item in listeners.items)
    elif port.value is not None or host.text or always:
        origin = host if host.text else port
        number = port.number if port.value is not None else PORT
        if not 0 < number < 65_536:
            raise ConfigError(f"{port.where} must be the number of a port", remedy=f"Write {PORT}")
        found = (RestListener(host.text or LOOPBACK, number, tls=False),)
    else:
        return None
    files = find_server_tls(find) if any(each.tls for each in found) else None
    tls = files.read(warnings) if files is not None else None
    access = find_access(find)
    access()  # what is wrong there is told with what is wrong here
    anonymous = find("", ANONYMOUS).value is True
    for each in found:
        if not (is_loopback(each.host) or anonymous or access.asks or _wants_certificates(each, tls)):
            raise ConfigError(
                f"{origin.where} would let anybody steer who reaches {each.host}:{each.port}",
                remedy=f"Say in {ACCESS_FILE} who may, listen on {LOOPBACK}, or allow it with {ANONYMOUS}=true",
            )
        if access.asks and not each.tls and not is_loopback(each.host):
            message = f"has passwords and tokens cross the network in plain text at {each.host}:{each.port}: use https"
            warnings.append(Warned(origin.key, f"{origin.key} {message}", None))
    advertised = find("", "rest.advertised.host.name").text or found[0].host
    told = find("", "rest.advertised.port")
    return RestConfig(
        listeners=found,
        worker_id=f"{advertised}:{told.number if told.value is not None else found[0].port}",
        read_tls=files,
        read_access=access if access.asks else None,
        oidc=find_oidc(find, access),
        hosts=find("", "heliograph.rest.allowed.hosts").items,
        origins=find("", "access.control.allow.origin").items,
        methods=find("", "access.control.allow.methods").items,
        headers=parse_headers(find("", "response.http.headers.config")),
    )


def _wants_certificates(listener: RestListener, tls: ServerTls | None) -> bool:
    """Say whether all clients of a listener must show a certificate."""
    return listener.tls and tls is not None and tls.client_auth is ClientAuth.REQUIRED


def _listener(item: str, found: Found) -> RestListener:
    match = _LISTENER.fullmatch(item)
    if match is None or match["scheme"].lower() not in ("http", "https") or not 0 < int(match["port"]) < 65_536:
        remedy = f"Write http://{LOOPBACK}:{PORT}"
        raise ConfigError(f"{found.where} has {item[:100]!r}, which is no http://host:port", remedy=remedy)
    host = match["v6"] or match["host"] or LOOPBACK
    return RestListener(host, int(match["port"]), tls=match["scheme"].lower() == "https")
