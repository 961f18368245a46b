"""Prints a bearer token for local use. It needs JWT_SECRET and nothing else."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from shared.auth import LARGEST_ID, LONGEST_SUBJECT, Role, mint_token
from shared.settings import TokenSettings, read

DAY = 86_400.0


def print_token(arguments: Sequence[str]) -> None:
    """Print one token to standard output, or end the process with status 2 and one line on what is wrong."""
    parser = _parser()
    wish = parser.parse_args(arguments)
    settings = read(TokenSettings, "api token")
    try:
        token = mint_token(settings.jwt_secret.get_secret_value(), wish.sub, wish.role, wish.business, wish.ttl)
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write(f"{token}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.api token", description="print a token for local use")
    parser.add_argument("--business", type=_id, help="the business's id; none for platform_admin")
    parser.add_argument("--role", type=Role, required=True, choices=list(Role), help="what the token allows")
    parser.add_argument("--sub", type=_subject, default="local", help="who it is for (default: local)")
    parser.add_argument("--ttl", type=_seconds, default=DAY, help="seconds until it expires (default: a day)")
    return parser


def _id(text: str) -> int:
    number = int(text)
    if not 0 < number <= LARGEST_ID:
        raise argparse.ArgumentTypeError("must be an id: 1 or more")
    return number


def _subject(text: str) -> str:
    if not 0 < len(text) <= LONGEST_SUBJECT:
        raise argparse.ArgumentTypeError(f"must have 1 to {LONGEST_SUBJECT} characters")
    return text


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number <= 10 * 365 * DAY:
        raise argparse.ArgumentTypeError("must be a number of seconds above 0, ten years at most")
    return number
