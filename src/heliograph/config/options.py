"""What an option is, and the one place to look options up.

Each option is declared once (:mod:`~heliograph.config.mirror_options`, :mod:`~heliograph.config.client_options`) with
its type, default, meaning and *family*. The family says where its key may stand in the file; the precedence between
those places is in :mod:`~heliograph.config.places`.
"""

from dataclasses import dataclass
from enum import StrEnum

from heliograph.config.typed import Kind


class Family(StrEnum):
    """Where an option's key may stand. ``X`` is any cluster's alias, ``A->B`` a flow."""

    FILE = "file"
    """The bare key, for the whole file."""
    CONNECTION = "connection"
    """How to reach a cluster: the bare key for all clusters, ``X.``, and every client's prefix."""
    CLIENT = "client"
    """Any Kafka client: ``X.consumer.``, ``A->B.source.consumer.`` and the like; ``X.`` for the worker itself."""
    CONSUMER = "consumer"
    """What reads the source: ``A.consumer.``, ``A->B.source.consumer.``, ``A->B.consumer.``."""
    PRODUCER = "producer"
    """What writes to the target: ``B.producer.``, ``A->B.producer.override.``."""
    FLOW = "flow"
    """A flow: ``A->B.``, or the bare key for all flows."""
    ONE_FLOW = "one flow"
    """A flow: ``A->B.`` only; MM2 drops the bare key."""
    WORKER = "worker"
    """What runs the flows into a cluster: ``B.`` only."""
    STORAGE = "storage"
    """The same, but the bare key is stronger than ``B.``."""


class Effect(StrEnum):
    """What an option does in this version."""

    NOW = "now"
    NEVER = "never"
    """Known and checked; there is nothing here that it could govern."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option, whole."""

    name: str
    """Its key without any prefix; when it ends in ``.*``, any key with that beginning."""
    family: Family
    kind: Kind
    default: str | None
    """As it would stand in a file after unescaping; None: no default."""
    meaning: str
    """One sentence, for the reference page and ``heliograph check``."""
    mm2_default: str | None = None
    """MM2's default where ours differs; None: the same."""
    effect: Effect = Effect.NOW
    acts_like: tuple[str, ...] = ()
    """Values (lower case) that ask for what happens anyway when the option has no effect: nobody is misled."""
    without: str = ""
    """What to tell someone who sets it to another value; empty: nothing, it is harmless."""
    refused: bool = False
    """Such a value is an error, not a warning: running without it would copy the wrong things."""
    minimum: int | None = None
    """Smallest number allowed."""
    choices: tuple[str, ...] = ()
    """The only values allowed; empty: any."""

    @property
    def secret(self) -> bool:
        """Whether the value must never be shown."""
        return self.kind is Kind.PASSWORD

    def covers(self, name: str) -> bool:
        """Whether a key's name (without prefix) is this option's."""
        return name.startswith(self.name[:-1]) if self.name.endswith(".*") else name == self.name


class Table:
    """Options by family and name."""

    __slots__ = ("_exact", "_open", "options")

    def __init__(self, options: tuple[Option, ...]) -> None:
        """Index ``options``; one declared twice in a family is a mistake of ours."""
        self.options = options
        self._exact: dict[tuple[Family, str], Option] = {}
        self._open: list[Option] = [option for option in options if option.name.endswith(".*")]
        for option in options:
            key = (option.family, option.name)
            assert key not in self._exact, f"{key} is declared twice"
            self._exact[key] = option

    def find(self, name: str, families: tuple[Family, ...]) -> Option | None:
        """Return the option that ``name`` means where a key of one of ``families`` may stand; None: unknown there."""
        for family in families:
            if option := self._exact.get((family, name)):
                return option
        return next((option for option in self._open if option.family in families and option.covers(name)), None)

    def named(self, name: str) -> tuple[Option, ...]:
        """Return all options with this name, in any family."""
        return tuple(option for option in self.options if option.covers(name))

    def get(self, family: Family, name: str) -> Option:
        """Return the option declared under exactly this family and name; KeyError: a mistake of ours."""
        return self._exact[family, name]
