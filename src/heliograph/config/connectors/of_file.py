"""What MirrorMaker 2 gives the connectors of a flow that stands in its file: as the REST API shows them.

Source: ``MirrorMakerConfig.connectorBaseConfig`` of Kafka 4.3.
"""

from collections.abc import Mapping, Sequence

from heliograph.config.connectors.merging import SOURCE_ALIAS, TARGET_ALIAS
from heliograph.config.connectors.secrets import masked
from heliograph.config.places import Route, find_route
from heliograph.config.properties import Property

_OF_THE_FILE = ("clusters", "enabled", "config.providers", "heliograph.", "listeners", "rest.", "dedicated.mode.")
"""How the keys begin that say nothing of a connector."""


def connector_config(entries: Mapping[str, Property], route: Route, aliases: Sequence[str]) -> dict[str, str]:
    """Return the configuration that all three connectors of a flow have in common, secrets masked."""
    sides = {f"{route.source}.": "source.cluster.", f"{route.target}.": "target.cluster."}
    bare: dict[str, str] = {}
    clusters: dict[str, str] = {}
    own: dict[str, str] = {}
    for key, entry in entries.items():
        front, _, rest = key.partition(".")
        if key.startswith(route.prefix):
            own[key.removeprefix(route.prefix)] = entry.value
        elif f"{front}." in sides and "->" not in front:
            clusters[sides[f"{front}."] + rest] = entry.value
        elif front not in aliases and find_route(key, aliases) is None and not key.startswith(_OF_THE_FILE):
            bare[key] = entry.value
    own.pop("enabled", None)
    named = {SOURCE_ALIAS: route.source, TARGET_ALIAS: route.target}
    return masked({**bare, **clusters, **named, **own})
