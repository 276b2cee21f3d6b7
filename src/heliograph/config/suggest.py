"""Unknown keys: what was probably meant.

First the mistakes that are known from files in the field, then keys that are right somewhere else, then spelling.
"""

from difflib import get_close_matches

from heliograph.config.options import Family, Option, Table
from heliograph.config.places import Place

_KNOWN = {
    "internal.topic.replication.factor": "is no key of MM2; write checkpoints.topic.replication.factor, "
    "heartbeats.topic.replication.factor, offset-syncs.topic.replication.factor and offset.storage.replication.factor",
    "configs.storage.topic": "is unknown; {prefix}config.storage.topic was probably meant",
    "offsets.storage.topic": "has no effect here; {prefix}offset.storage.topic was probably meant",
    "statuses.storage.topic": "is unknown; {prefix}status.storage.topic was probably meant",
    "blacklist": "is no key of MM2; config.properties.exclude (topic settings) or topics.exclude (topics) was meant",
    "whitelist": "is no key of MM2; topics was probably meant",
    "emit.heartbeats": "is unknown; {prefix}emit.heartbeats.enabled was probably meant",
    "emit.heartbeats.enable": "is unknown; {prefix}emit.heartbeats.enabled was probably meant",
    "emit.checkpoints": "is unknown; {prefix}emit.checkpoints.enabled was probably meant",
    "topic": "is unknown; {prefix}topics was probably meant",
    "bootstrapServers": "is unknown; {prefix}bootstrap.servers was probably meant",
    "use.incremental.alter.configs": "was removed in Kafka 4.0 and has no effect",
    "add.source.alias.to.metrics": "was removed in Kafka 4.0 and has no effect: metrics always name the source",
    "username": "is unknown; it looks like the second line of sasl.jaas.config, whose first must end in a backslash",
    "password": "is unknown; it looks like a further line of sasl.jaas.config, whose lines must end in a backslash",
    "enabled": "does not switch a flow on; write SOURCE->TARGET.enabled",
}


def explain_unknown(place: Place, table: Table, worker_prefix: str) -> str:
    """Say, for a key that means nothing where it stands, what was probably meant: the rest of a sentence.

    ``worker_prefix`` is the prefix under which a setting of the workers would have an effect.
    """
    if place.name in _KNOWN:
        prefix = worker_prefix if place.name.endswith(".storage.topic") else place.prefix
        return _KNOWN[place.name].format(prefix=prefix)
    if elsewhere := table.named(place.name):
        return f"has no effect here; {_right_place(elsewhere[0], place)} was probably meant"
    here = [option.name for option in table.options if option.family in place.families]
    for names in (here, [option.name for option in table.options]):
        if match := get_close_matches(
            place.name, [name for name in names if not name.endswith(".*")], n=1, cutoff=0.75
        ):
            option = table.named(match[0])[0]
            right = place.prefix + match[0] if option.name in here else _right_place(option, place)
            return f"is unknown; {right} was probably meant"
    return "is unknown and has no effect"


def _right_place(option: Option, place: Place) -> str:
    """Give the key under which ``option`` has an effect, as near as possible to where it was written."""
    flow = place.route.prefix if place.route else "SOURCE->TARGET."
    target = f"{place.route.target}." if place.route else "TARGET."
    source = f"{place.route.source}." if place.route else "SOURCE."
    own = f"{place.alias}." if place.alias else None
    prefixes = {
        Family.FILE: "",
        Family.FLOW: flow,
        Family.ONE_FLOW: flow,
        Family.STORAGE: own or target,
        Family.WORKER: own or target,
        Family.CONNECTION: own or source,
        Family.CLIENT: f"{own or source}consumer.",
        Family.CONSUMER: f"{own or source}consumer.",
        Family.PRODUCER: f"{own or target}producer.",
    }
    return prefixes[option.family] + (place.name if option.covers(place.name) else option.name)
