"""Which of a topic's configs a cluster takes, learnt from its refusals.

A broker refuses a topic's configs as a whole and tells one reason. Most reasons name the config; some do not, and some
name two that do not go together. So one config is left out at a time, those that the reason names first, until the
cluster takes the rest. Leaving out the right one shows at once: the broker takes the others, or has another reason.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from heliograph.errors import BrokerError, HeliographError
from heliograph.wire import errors as codes

Configs = Mapping[str, str | None]
"""By name; None: the topic's own value is to be removed."""
Attempt = Callable[[dict[str, dict[str, str | None]]], Awaitable[Mapping[str, HeliographError | None]]]
"""Asks the cluster for configs of topics; returns each topic's error, None where they were taken."""

CODES = (codes.INVALID_CONFIG, codes.INVALID_REQUEST, codes.POLICY_VIOLATION)
"""What a broker answers where it does not take a config (2.8 says INVALID_REQUEST to a change)."""
TRIES_MAX = 100
"""Proposals for one topic; a topic has about thirty configs, and a broker that names them needs one try for each."""
_WORD = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True, slots=True)
class RefusedConfig:
    """A config of a topic that the target does not take."""

    topic: str
    """Name on the target."""
    name: str
    value: str | None
    """None: the topic's own value was to be removed."""
    reason: str
    """As the target gives it."""


@dataclass(slots=True)
class Sieve:
    """Parts one topic's configs into those that the cluster takes and those that it refuses."""

    topic: str
    configs: dict[str, str | None]
    """Those still thought to be acceptable."""
    refused: list[RefusedConfig] = field(default_factory=list)
    _out: tuple[str, ...] = ()
    """What the present proposal leaves out, to see whether that is the cause."""
    _candidates: list[tuple[str, ...]] = field(default_factory=list)
    """What to leave out next, best guess last."""
    _reason: str = ""
    _tries: int = 0

    @property
    def proposal(self) -> dict[str, str | None]:
        """Return what to ask the cluster for."""
        return {name: value for name, value in self.configs.items() if name not in self._out}

    def refuse(self, reason: str) -> bool:
        """Take that the proposal was refused; return whether there is another. If not, no config is the cause."""
        self._tries += 1
        if reason != self._reason:
            self._settle()
            self._reason = reason
            self._candidates = _candidates(reason, list(self.configs))
        if not self._candidates or self._tries > TRIES_MAX:
            self._out = ()
            return False
        self._out = self._candidates.pop()
        return True

    def accept(self) -> None:
        """Take that the cluster has taken the proposal."""
        self._settle()

    def _settle(self) -> None:
        self.refused += [RefusedConfig(self.topic, name, self.configs.pop(name), self._reason) for name in self._out]
        self._out = ()


def _candidates(reason: str, names: list[str]) -> list[tuple[str, ...]]:
    """Return what to leave out, best guess last: each that is named, all named, each other, everything."""
    said = set(_WORD.findall(reason))
    named = [name for name in names if name in said]
    others = [name for name in names if name not in said]
    guesses: list[tuple[str, ...]] = [(name,) for name in named]
    if len(named) > 1:
        guesses.append(tuple(named))
    guesses += [(name,) for name in others]
    if len(names) > 1:
        guesses.append(tuple(names))
    return list(dict.fromkeys(guesses))[::-1]


@dataclass(slots=True)
class RefusedConfigs:
    """What the target has refused, so that it is neither asked nor told again before the value changes."""

    _values: dict[tuple[str, str], str | None] = field(default_factory=dict)
    """By topic on the target and config."""

    def known(self, topic: str, name: str, value: str | None) -> bool:
        """Whether the target has refused this value before."""
        return (topic, name) in self._values and self._values[topic, name] == value

    def without(self, topic: str, configs: Mapping[str, str | None]) -> dict[str, str | None]:
        """Leave out what the target has refused before."""
        return {name: value for name, value in configs.items() if not self.known(topic, name, value)}

    def note(self, refused: RefusedConfig) -> bool:
        """Remember a refusal; return whether it is new."""
        new = not self.known(refused.topic, refused.name, refused.value)
        self._values[refused.topic, refused.name] = refused.value
        return new

    def keep(self, topics: set[str]) -> None:
        """Forget all but ``topics``."""
        self._values = {key: value for key, value in self._values.items() if key[0] in topics}


@dataclass(frozen=True, slots=True)
class Sifted:
    """What became of configs that a cluster was asked for."""

    errors: dict[str, HeliographError | None]
    """By topic: why not even a part of them was taken; None: they were, except for ``refused``."""
    refused: tuple[RefusedConfig, ...]


async def sift(wanted: Mapping[str, Configs], attempt: Attempt) -> Sifted:
    """Ask for each topic's configs, and again without those that are refused, all topics at a time."""
    sieves = {topic: Sieve(topic, dict(configs)) for topic, configs in wanted.items()}
    errors: dict[str, HeliographError | None] = {}
    first: dict[str, HeliographError] = {}
    refused: list[RefusedConfig] = []
    while left := sieves.keys() - errors.keys():
        answer = await attempt({topic: sieves[topic].proposal for topic in sorted(left)})
        for topic in sorted(left):
            error = answer.get(topic)
            if error is None:
                sieves[topic].accept()
                refused += sieves[topic].refused
                errors[topic] = None
            elif not (isinstance(error, BrokerError) and error.code in CODES):
                errors[topic] = error
            elif not sieves[topic].refuse(_reason(error)):
                errors[topic] = first.get(topic, error)
            else:
                first.setdefault(topic, error)
    return Sifted(errors, tuple(refused))


def _reason(error: BrokerError) -> str:
    """Return the broker's own words, without what was asked of it."""
    return error.message.partition(": ")[2] or error.message
