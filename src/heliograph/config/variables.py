"""References inside values: ``${NAME}`` from the environment, ``${provider:path:key}`` from Kafka's config providers.

``${NAME}`` is ours: files in the field hold it and rely on a shell script to fill it in; MM2 itself would take it
literally. The providers are those that come with Kafka (KIP-297, KIP-421, KIP-632): File, Directory and EnvVar,
declared by ``config.providers``. MM2 leaves a reference that it cannot resolve as it stands; here that is an error,
because the text would become a password or a host name. What a reference gives is not searched for references again.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from heliograph.config.javaregex import compile_java
from heliograph.config.problems import Problems
from heliograph.config.properties import PropertiesFile, Property, parse_properties, read_bytes
from heliograph.config.typed import parse_list
from heliograph.errors import ConfigError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CLASSES = {
    "FileConfigProvider": "file",
    "DirectoryConfigProvider": "directory",
    "EnvVarConfigProvider": "env",
}
_PACKAGE = "org.apache.kafka.common.config.provider."
FILES_MAX = 100
"""Most files read for one configuration."""
EXPANDED_CHARACTERS_MAX = 16 << 20
"""Most that all references of one configuration may give together: a short file could name a long value often."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """A value after its references were replaced."""

    text: str
    from_provider: bool
    """Whether a provider gave a part of it: then it is shown as it stands in the file, never as it is."""
    broken: bool = False
    """A reference could not be replaced, which is noted."""


@dataclass(frozen=True, slots=True)
class _Reference:
    """``${...}`` in a value."""

    start: int
    end: int
    name: str | None
    """Of an environment variable; None: a provider is asked."""
    provider: str = ""
    path: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class _Provider:
    name: str
    kind: str
    """``file``, ``directory`` or ``env``."""
    allowed_paths: tuple[Path, ...]
    allowed_names: str
    """Java regular expression for the variables of ``env``."""


class Variables:
    """Replaces the references in the values of one file."""

    def __init__(self, file: PropertiesFile, environ: Mapping[str, str], problems: Problems) -> None:
        """Read the providers that ``file`` declares; one without a usable class is added to ``problems``."""
        self._problems = problems
        self._file = file
        self._environ = environ
        self._read: dict[Path, bytes] = {}
        self._parsed: dict[Path, PropertiesFile] = {}
        self._room_characters = EXPANDED_CHARACTERS_MAX
        self._providers: dict[str, _Provider | None] = {}
        """None: it is declared, and cannot be used."""
        if declared := file.entries.get("config.providers"):
            for name in problems.attempt(lambda: _names(declared, file), ()):
                self._providers[name] = problems.attempt(partial(self._provider, name, declared), None)

    def expand(self, entry: Property) -> Expanded:
        """Replace the references in the value of ``entry``; one without a value is noted as a problem."""
        broken = Expanded("", from_provider=False, broken=True)
        for found in _references(entry.value):
            if found.name is None and self._providers.get(found.provider, "undeclared") is None:
                return broken
        return self._problems.attempt(lambda: self._expand(entry), broken)

    def _expand(self, entry: Property) -> Expanded:
        parts: list[str] = []
        from_provider = False
        at = 0
        for found in _references(entry.value):
            given = self._provided(found, entry) if found.name is None else self._variable(found.name, entry)
            from_provider = from_provider or found.name is None
            self._room_characters -= len(given)
            if self._room_characters < 0:
                raise ConfigError(
                    f"{self._at(entry)} and the references before it give more than "
                    f"{EXPANDED_CHARACTERS_MAX} characters",
                    remedy="Refer to long values less often",
                )
            parts += (entry.value[at : found.start], given)
            at = found.end
        return Expanded("".join(parts) + entry.value[at:], from_provider)

    def _variable(self, name: str, entry: Property) -> str:
        try:
            return self._environ[name]
        except KeyError:
            raise ConfigError(
                f"{self._at(entry)} needs the environment variable {name}, which is not set",
                remedy=f"Set {name} before the start",
            ) from None

    def _provided(self, found: _Reference, entry: Property) -> str:
        reference = entry.value[found.start : found.end]
        provider = self._providers.get(found.provider)
        if provider is None:
            raise ConfigError(
                f"{self._at(entry)} refers to {reference}, and config.providers declares no {found.provider!r}",
                remedy="Declare the provider, or write ${NAME} for an environment variable",
            )
        path, key = found.path, found.key
        if provider.kind == "env":
            return self._allowed_variable(provider, key, entry)
        if not path or not key:
            raise ConfigError(
                f"{self._at(entry)} refers to {reference}, which lacks a path or a key",
                remedy=f"Write ${{{provider.name}:path:key}}",
            )
        allowed = self._allowed_path(provider, Path(path), entry)
        if provider.kind == "directory":
            if "/" in key or key in (".", ".."):
                raise ConfigError(f"{self._at(entry)} refers to {reference}, whose key is no file name")
            return self._content(allowed / key, entry).decode("utf-8", "replace")
        if allowed not in self._parsed:
            self._parsed[allowed] = parse_properties(self._content(allowed, entry), allowed)
        held = self._parsed[allowed].entries.get(key)
        if held is None:
            raise ConfigError(f"{self._at(entry)} refers to {reference}, and {path} has no key {key}")
        return held.value

    def _allowed_variable(self, provider: _Provider, name: str, entry: Property) -> str:
        if provider.allowed_names and not compile_java(provider.allowed_names).fullmatch(name):
            raise ConfigError(
                f"{self._at(entry)} needs the environment variable {name}, which "
                f"config.providers.{provider.name}.param.allowlist.pattern does not allow"
            )
        return self._variable(name, entry)

    def _allowed_path(self, provider: _Provider, path: Path, entry: Property) -> Path:
        try:
            resolved = path.resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigError(f"{self._at(entry)} refers to a path that cannot be: {error}") from None
        allowed = provider.allowed_paths
        if allowed and not any(resolved == root or root in resolved.parents for root in allowed):
            raise ConfigError(
                f"{self._at(entry)} refers to {path}, which "
                f"config.providers.{provider.name}.param.allowed.paths does not allow"
            )
        return resolved

    def _content(self, path: Path, entry: Property) -> bytes:
        if path not in self._read:
            if len(self._read) >= FILES_MAX:
                raise ConfigError(f"{self._at(entry)} refers to more than {FILES_MAX} files")
            self._read[path] = read_bytes(path, f"{self._at(entry)} refers to the file")
        return self._read[path]

    def _provider(self, name: str, declared: Property) -> _Provider:
        prefix = f"config.providers.{name}."
        chosen = self._file.entries.get(prefix + "class")
        if chosen is None:
            raise ConfigError(
                f"{self._at(declared)} declares {name}, and {prefix}class is missing",
                remedy=f"Write {prefix}class={_PACKAGE}FileConfigProvider",
            )
        kind = _CLASSES.get(chosen.value.strip().removeprefix(_PACKAGE))
        if kind is None:
            raise ConfigError(
                f"{self._at(chosen)} names a provider that cannot run here: {chosen.value.strip()}",
                remedy=f"Use one of {', '.join(_CLASSES)}",
            )
        paths = self._file.entries.get(prefix + "param.allowed.paths")
        pattern = self._file.entries.get(prefix + "param.allowlist.pattern")
        allowed = tuple(Path(item).resolve() for item in _names(paths, self._file)) if paths else ()
        return _Provider(name, kind, allowed, pattern.value.strip() if pattern else "")

    def _at(self, entry: Property) -> str:
        return f"{self._file.where(entry.line)} {entry.key}"


def _references(text: str) -> Iterator[_Reference]:
    """Find the references in ``text``, from left to right, in time proportional to its length.

    A reference ends at the next brace. If there is a colon before that, it begins at the first ``${`` and is a
    provider's; without one only the last ``${`` can begin a name.
    """
    at = 0
    while (close := text.find("}", at)) >= 0:
        start = text.find("${", at, close)
        if start >= 0:
            provider, colon, rest = text[start + 2 : close].partition(":")
            if colon:
                path, second, key = rest.partition(":")
                yield _Reference(start, close + 1, None, provider, path if second else "", key if second else path)
            else:
                start = text.rfind("${", at, close)
                if _NAME.fullmatch(text, start + 2, close):
                    yield _Reference(start, close + 1, text[start + 2 : close])
        at = close + 1


def _names(entry: Property, file: PropertiesFile) -> tuple[str, ...]:
    try:
        return parse_list(entry.value)
    except ValueError as error:
        raise ConfigError(f"{file.where(entry.line)} {entry.key} {error}") from None
