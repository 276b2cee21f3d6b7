"""``heliograph user NAME``: a line for the file that says who may use the REST API."""

import secrets
import shlex
import sys
from typing import Annotated

import typer

from heliograph.config.access import own_name
from heliograph.config.passwords import PASSWORD_BYTES_MAX, SALT_BYTES, keep, keep_token
from heliograph.errors import ConfigError

PASSWORD_LENGTH_MIN = 8
TOKEN_BYTES = 32


def user(
    name: Annotated[str, typer.Argument(help="The user's name.", metavar="NAME", show_default=False)],
    *,
    token: Annotated[bool, typer.Option("--token", help="Make a bearer token, and no password.")] = False,
) -> None:
    """Print a line for heliograph.rest.access.file: a user with a password, or with a token.

    The password is asked for, or read from standard input. A token is made here, and shown on standard error: it is
    kept nowhere.
    """
    try:
        own_name(name)
    except ValueError as error:
        raise ConfigError(f"{name!r} cannot be a user's name: it {error}") from None
    shown = shlex.quote(name)
    if token:
        made = secrets.token_urlsafe(TOKEN_BYTES)
        print(f"token {shown} {keep_token(made)}")
        print(f"The token, which is shown this once: {made}", file=sys.stderr)
    else:
        print(f"user {shown} {keep(_password(), secrets.token_bytes(SALT_BYTES))}")


def _password() -> str:
    if sys.stdin.isatty():
        password = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        password = sys.stdin.readline(PASSWORD_BYTES_MAX + 2).rstrip("\r\n")
    if not len(password) >= PASSWORD_LENGTH_MIN or len(password.encode()) > PASSWORD_BYTES_MAX:
        raise ConfigError(
            "The password is too short or too long",
            remedy=f"Take {PASSWORD_LENGTH_MIN} characters or more, and {PASSWORD_BYTES_MAX} bytes at most",
        )
    return password
