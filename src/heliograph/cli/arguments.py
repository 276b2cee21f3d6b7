"""Arguments that several commands share.

MirrorMaker 2 takes ``FILE --clusters A B``: one option, several words. The option parser gives an option one word, so
the words after the first are left over behind FILE (:data:`WORDS_LEFT_OVER`) and are put back here. ``--clusters A
--clusters B`` works as well.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from heliograph.errors import ConfigError

WORDS_LEFT_OVER = {"allow_extra_args": True}
"""Context settings of a command whose left-over words :func:`chosen_clusters` judges."""

File = Annotated[
    Path,
    typer.Argument(help="MirrorMaker 2's properties file, or a Connect worker's.", metavar="FILE", show_default=False),
]
"""The configuration."""

MirrorMakerFile = Annotated[
    Path, typer.Argument(help="MirrorMaker 2's properties file.", metavar="FILE", show_default=False)
]
"""The configuration, which no Connect worker's file will do for."""

Clusters = Annotated[
    list[str] | None,
    typer.Option(
        help="Serve only flows whose target is one of these aliases: --clusters A B, behind FILE.",
        metavar="ALIAS...",
        show_default=False,
    ),
]
"""MM2's ``--clusters``."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
"""Whether standard output is for a program."""


def chosen_clusters(option: Sequence[str] | None, words: Sequence[str]) -> tuple[str, ...]:
    """Return the aliases of ``--clusters``, however they were written. Raises ConfigError for words without the option.

    A file without the option may be followed by nothing, and an alias is never empty.
    """
    if words and not option:
        raise ConfigError(
            f"The command line has words too many: {' '.join(words)}", remedy="Put --clusters before aliases"
        )
    aliases = (*(option or ()), *(words or ()))
    if "" in aliases:
        raise ConfigError("--clusters has an empty alias", remedy="Name clusters of the file")
    return aliases
