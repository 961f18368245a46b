"""Every place in the source that writes a line of the log: its event, its level, and the fields it names there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stack.rundir import ROOT

FOLDERS = ("services", "shared", "simulator", "stack")
LEVELS = {
    "debug": "debug",
    "info": "info",
    "warn": "warning",
    "warning": "warning",
    "error": "error",
    "exception": "error",
    "critical": "critical",
    "fatal": "critical",
}
NOT_LOGS = frozenset({"parser"})
"""Receivers that have a method of such a name and are no loggers: an argument parser's `error`."""

RENDERED = {"exc_info": "exception"}


@dataclass(frozen=True)
class Line:
    """One call of a logger; `event` is None where it is no literal."""

    path: Path
    number: int
    event: str | None
    level: str
    fields: frozenset[str]

    @property
    def service(self) -> str | None:
        """The process that writes it; None where several may."""
        match self.path.relative_to(ROOT).parts:
            case ("services", name, *_):
                return name
            case ("shared", "migrations", *_):
                return "migrations"
            case ("simulator", *_):
                return "simulator"
        return None


@cache
def modules() -> tuple[tuple[Path, ast.Module], ...]:
    """The modules that may log."""
    paths = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
    return tuple((path, ast.parse(path.read_text())) for path in paths)


def lines_in(path: Path, module: ast.Module) -> Iterator[Line]:
    """The lines that a module writes.

    Whatever is called like a logger's method with an argument counts, so that no name of a logger is overlooked.
    """
    for node in ast.walk(module):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        level = LEVELS.get(node.func.attr)
        if level is not None and ast.unparse(node.func.value) not in NOT_LOGS:
            event = node.args[0]
            literal = event.value if isinstance(event, ast.Constant) and isinstance(event.value, str) else None
            named = {RENDERED.get(word.arg, word.arg) for word in node.keywords if word.arg}
            yield Line(path, node.lineno, literal, level, frozenset(named))


def all_lines() -> list[Line]:
    """Every line that our processes write by themselves."""
    return [line for path, module in modules() for line in lines_in(path, module)]


def names_of_fields() -> set[str]:
    """Whatever the source gives a value to by name: keywords of calls and keys of dictionaries."""
    names: set[str] = set()
    for _, module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.keyword) and node.arg:
                names.add(node.arg)
            elif isinstance(node, ast.Dict):
                keys = (key.value for key in node.keys if isinstance(key, ast.Constant))
                names |= {key for key in keys if isinstance(key, str)}
    return names
