"""Unknown keys: what was probably meant, with the real aliases of the file.

First the mistakes that are known from files in the field, then keys that are right somewhere else, then the right words
in another order or joined differently (``max.tasks``, ``tasksMax``), then a misspelt alias, then spelling.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher, get_close_matches
from itertools import pairwise

from heliograph.config.options import Effect, Family, Option, Table
from heliograph.config.places import Place, Route

WORDS_ALIKE = 0.6
"""How alike two words must be; 1 is the same."""
NAMED_MAX = 3
"""Most keys named as the one that was meant, where there are several flows."""
_EXPLAINED = {
    "internal.topic.replication.factor": "is no key of MM2; write checkpoints.topic.replication.factor, "
    "heartbeats.topic.replication.factor, offset-syncs.topic.replication.factor and offset.storage.replication.factor",
    "blacklist": "is no key of MM2; config.properties.exclude (topic configs) or topics.exclude (topics) was meant",
    "use.incremental.alter.configs": "was removed in Kafka 4.0 and has no effect",
    "add.source.alias.to.metrics": "was removed in Kafka 4.0 and has no effect: metrics always name the source",
    **dict.fromkeys(
        (
            "readahead.queue.capacity",
            "heartbeats.topic.retention.ms",
            "checkpoints.topic.retention.ms",
            "offset.syncs.topic.retention.ms",
        ),
        "was planned for MM2 (KIP-382) and never became one of its keys",
    ),
    "username": "is unknown; it looks like the second line of sasl.jaas.config, whose first must end in a backslash",
    "password": "is unknown; it looks like a further line of sasl.jaas.config, whose lines must end in a backslash",
}
"""The rest of a sentence about keys that mean nothing anywhere."""
_ADMIN_LISTENERS = "has no effect: /admin is served where the rest is, to whom the rules of access say"
_SYNONYMS = {
    "broker.list": "bootstrap.servers",
    "brokers": "bootstrap.servers",
    "configs.storage.topic": "config.storage.topic",
    "emit.checkpoints": "emit.checkpoints.enabled",
    "emit.heartbeats": "emit.heartbeats.enabled",
    "emit.heartbeats.enable": "emit.heartbeats.enabled",
    "enable.ssl.certificate.verification": "ssl.endpoint.identification.algorithm",
    "groups.pattern": "groups",
    "num.tasks": "tasks.max",
    "offsets.storage.topic": "offset.storage.topic",
    "statuses.storage.topic": "status.storage.topic",
    "tasks": "tasks.max",
    "topic": "topics",
    "topics.exclude.pattern": "topics.exclude",
    "topics.pattern": "topics",
    "whitelist": "topics",
}
"""What people write, in words parted by dots, and the option that it stands for."""


def explain_unknown(place: Place, table: Table, routes: Sequence[Route], aliases: Sequence[str] = ()) -> str:
    """Say, for a key that means nothing where it stands, what was probably meant: the rest of a sentence.

    ``routes`` are the enabled flows, ``aliases`` all clusters of the file.
    """
    routes = routes or [Route(*pair) for pair in list(pairwise(aliases))[:1]]
    if place.name == "listeners" and place.prefix.endswith("admin."):
        return _ADMIN_LISTENERS
    if place.name in _EXPLAINED:
        return _EXPLAINED[place.name]
    if place.name == "enabled":
        return f"does not switch a flow on; write {_keys(f'{route.prefix}enabled' for route in routes)}"
    if synonym := _SYNONYMS.get(".".join(_words(place.name))):
        return f"is unknown; {_meant(synonym, place, table, routes)} was probably meant"
    if elsewhere := table.named(place.name):
        return _misplaced(elsewhere, place, table, routes)
    return _misspelt(place, table, routes, aliases) or "is unknown and has no effect"


def _misplaced(options: Sequence[Option], place: Place, table: Table, routes: Sequence[Route]) -> str:
    """Say where an option has an effect, or that it has one nowhere."""
    if all(each.effect is Effect.NEVER and not each.without for each in options):
        meaning = options[0].meaning
        return f"has no effect: {meaning[0].lower()}{meaning[1:].rstrip('.')}"
    return f"has no effect here; {_meant(place.name, place, table, routes)} was probably meant"


def _misspelt(place: Place, table: Table, routes: Sequence[Route], aliases: Sequence[str]) -> str | None:
    """Say which key has the same words, or the same end behind another alias, or is spelt almost alike."""
    name = _resembled(place, table, _same_words)
    if name is None and (told := _unknown_alias(place, table, aliases)):
        return told
    name = name or _resembled(place, table, _spelt_alike)
    return f"is unknown; {_meant(name, place, table, routes)} was probably meant" if name else None


def _resembled(place: Place, table: Table, match: Callable[[str, Sequence[str]], str | None]) -> str | None:
    """Return the option that matches, rather one that may stand where the key stands."""
    names = [option.name for option in table.options if not option.name.endswith(".*")]
    here = [name for name in names if table.find(name, place.families)]
    return match(place.name, here) or match(place.name, names)


def _same_words(name: str, known: Sequence[str]) -> str | None:
    wanted = sorted(_words(name))
    return next((each for each in known if sorted(_words(each)) == wanted), None)


def _spelt_alike(name: str, known: Sequence[str]) -> str | None:
    near = get_close_matches(name, known, n=3, cutoff=0.75)
    return next((each for each in near if _words_alike(_words(name), _words(each))), None)


def _words_alike(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether each word resembles its counterpart, or all but one word are the same."""
    if len(one) == len(other):
        return all(SequenceMatcher(None, *pair).ratio() >= WORDS_ALIKE for pair in zip(one, other, strict=True))
    return abs(len(one) - len(other)) == 1 and (set(one) < set(other) or set(other) < set(one))


def _words(name: str) -> list[str]:
    """Take ``tasksMax``, ``tasks_max`` and ``tasks-max`` apart as ``tasks.max``."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", ".", name)
    return [word.lower() for word in re.split(r"[^A-Za-z0-9]+", parted) if word]


def _unknown_alias(place: Place, table: Table, aliases: Sequence[str]) -> str | None:
    """Say which alias was meant by the first word of a key whose rest may stand behind one."""
    first, _, rest = place.name.partition(".")
    inner = rest.removeprefix("consumer.").removeprefix("producer.").removeprefix("admin.")
    families = (Family.CONNECTION, Family.STORAGE, Family.WORKER, Family.CLIENT)
    if place.prefix or not rest or not (table.find(rest, families) or (inner != rest and table.named(inner))):
        return None
    alias = next(iter(get_close_matches(first, aliases, n=1, cutoff=0.6)), None)
    if alias is not None:
        return f"is unknown; {alias}.{rest} was probably meant"
    return f"has no effect: {first} is none of clusters, which are {', '.join(aliases[:10])}"


def _meant(name: str, place: Place, table: Table, routes: Sequence[Route]) -> str:
    """Return the keys under which the option ``name`` has an effect, as near as possible to where it was written."""
    options = table.named(name)
    here = next((option for option in options if option.family in place.families), None)
    option = here or options[0]
    if here is not None and not (place.alias and option.family in (Family.STORAGE, Family.WORKER)):
        return place.prefix + name
    return _keys(prefix + name for prefix in _prefixes(option, place, routes))


def _prefixes(option: Option, place: Place, routes: Sequence[Route]) -> Iterable[str]:
    """Yield what may stand before the option's name, for the flows or the clusters that ``place`` is about."""
    routes = [place.route] if place.route else routes
    touched = [route for route in routes if place.alias in (None, route.source, route.target)] or routes
    if option.family is Family.FILE:
        yield ""
    for route in touched:
        source, target = f"{route.source}.", f"{route.target}."
        yield from {
            Family.FILE: (),
            Family.FLOW: (route.prefix,),
            Family.ONE_FLOW: (route.prefix,),
            Family.STORAGE: (target,),
            Family.WORKER: (target,),
            Family.CONNECTION: (f"{place.alias}.",) if place.alias else (source, target),
            Family.CLIENT: (f"{source}consumer.", f"{target}producer."),
            Family.CONSUMER: (f"{source}consumer.",),
            Family.PRODUCER: (f"{target}producer.",),
        }[option.family]


def _keys(keys: Iterable[str]) -> str:
    """Name some keys, each once."""
    return " or ".join(list(dict.fromkeys(keys))[:NAMED_MAX])
