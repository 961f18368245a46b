"""Crash points as the source has them, and the rule that says where they must be.

The rule: whatever acts on the world stands between two crash points. That is, a statement in which

* a query function is called that changes rows and commits by itself, or a transaction is opened (a commit),
* `publish`, `publish_soon` or `_announce` is called (a publish),
* a request goes to the provider, or a message is rejected (`raise RejectMessage`),

has a crash point as its neighbour on either side in its block; within a `with` the first statement of its body is the
neighbour behind, for a `raise` none is needed there. A function given to a broker's subscriber passes the points
before and after its acknowledgement. Which query functions change rows is read from their SQL.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from stack.rundir import ROOT

QUERIES = ROOT / "shared" / "queries"
ACTING = [
    *sorted((ROOT / "services").rglob("*.py")),
    *(ROOT / "shared" / name for name in ("broker.py", "corrections.py", "telephony/gate.py", "telephony/http.py")),
]
POINTS = ("crash_point", "crash_point_soon")
PUBLISHES = {"publish", "publish_soon", "_announce"}
REQUESTS = {"create_call", "hang_up", "fetch_call", "list_calls", "list_recent", "request", "super().write_with_length"}
ACKNOWLEDGEMENT = ("acknowledging", "acknowledged")

_WRITES = re.compile(r"\b(INSERT\s+INTO|DELETE\s+FROM|UPDATE\s+\w+(\s+\w+)?\s+SET)\b", re.IGNORECASE)
_FUNCTION = re.compile(r"\bringfence_\w+(?=\()")


@cache
def writing_functions() -> frozenset[str]:
    """The database's functions that change rows, themselves or through others."""
    bodies = {path.stem: path.read_text() for path in (QUERIES / "functions").glob("*.sql")}
    writing = {name for name, body in bodies.items() if _WRITES.search(body)}
    while more := {name for name, body in bodies.items() if writing & set(_FUNCTION.findall(body))} - writing:
        writing |= more
    return frozenset(writing)


@cache
def commits() -> frozenset[str]:
    """The query functions that change rows and commit by themselves: they take a database or a session."""
    return frozenset(name for path in QUERIES.glob("*.py") for name in _commits_of(ast.parse(path.read_text())))


def _commits_of(module: ast.Module) -> Iterator[str]:
    writing = {target.id for node in module.body for target in _targets(node) if _writes(node)}
    for node in module.body:
        if isinstance(node, ast.AsyncFunctionDef):
            kinds = {one.annotation.id for one in node.args.args if isinstance(one.annotation, ast.Name)}
            names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
            if kinds & {"Database", "Session"} and names & writing:
                yield node.name


@cache
def transactions() -> frozenset[str]:
    """The query functions that open a transaction, themselves or through others of their module."""
    return frozenset(name for path in QUERIES.glob("*.py") for name in _transactions_of(ast.parse(path.read_text())))


def _transactions_of(module: ast.Module) -> set[str]:
    calls = {
        node.name: {called(one) for one in ast.walk(node) if isinstance(one, ast.Call)}
        for node in module.body
        if isinstance(node, ast.AsyncFunctionDef)
    }
    holding = {name for name, inside in calls.items() if "transaction" in inside}
    while more := {name for name, inside in calls.items() if holding & inside} - holding:
        holding |= more
    return holding


def _targets(node: ast.stmt) -> list[ast.Name]:
    return [one for one in node.targets if isinstance(one, ast.Name)] if isinstance(node, ast.Assign) else []


def _writes(node: ast.AST) -> bool:
    texts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    sql = " ".join(texts)
    return bool(_WRITES.search(sql) or writing_functions() & set(_FUNCTION.findall(sql)))


def faults_in(source: str) -> list[str]:
    """Every place in this source that acts without a crash point beside it, one line each."""
    tree = ast.parse(source)
    return sorted({*_bare_statements(tree), *_bare_subscribers(tree)})


def _bare_statements(tree: ast.Module) -> Iterator[str]:
    for block in _blocks(tree):
        for index, statement in enumerate(block):
            for what in _acts(statement):
                before = block[index - 1] if index else None
                after = block[index + 1] if index + 1 < len(block) else None
                if isinstance(statement, ast.With | ast.AsyncWith) and _is_point(statement.body[0]):
                    after = statement.body[0]
                if not _is_point(before):
                    yield f"line {statement.lineno}: no crash point before {what}"
                if not isinstance(statement, ast.Raise) and not _is_point(after):
                    yield f"line {statement.lineno}: no crash point after {what}"


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                yield block


def _acts(statement: ast.stmt) -> Iterator[str]:
    """What this statement does to the world, without the statements that it holds."""
    if isinstance(statement, ast.Raise) and "RejectMessage" in ast.unparse(statement):
        yield "RejectMessage"
    for node in _own_nodes(statement):
        if isinstance(node, ast.Call):
            name = called(node)
            if name in commits() | PUBLISHES | REQUESTS or name == "transaction":
                yield name


def _own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [
            child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt | ast.excepthandler)
        ]


def called(call: ast.Call) -> str:
    """The name of what is called."""
    if not isinstance(call.func, ast.Attribute):
        return getattr(call.func, "id", "")
    own = isinstance(call.func.value, ast.Call) and called(call.func.value) == "super"
    return f"super().{call.func.attr}" if own else call.func.attr


def _bare_subscribers(tree: ast.Module) -> Iterator[str]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    given = {
        argument.attr
        for call in calls
        if called(call) == "subscriber"
        for argument in call.args
        if isinstance(argument, ast.Attribute)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef) and node.name in given:
            moments = {name.rpartition(".")[2] for name in names_in(node)}
            yield from (
                f"line {node.lineno}: {node.name} passes no point {moment}"
                for moment in ACKNOWLEDGEMENT
                if moment not in moments
            )


def _is_point(statement: ast.stmt | None) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Call) and called(value) in POINTS


def names_in(tree: ast.AST) -> list[str]:
    """The points passed in this tree; raises ValueError for a name that is not written out."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in POINTS:
            first = node.args[0]
            if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
                raise ValueError(f"line {node.lineno}: the name of a crash point is not written out")
            names.append(first.value)
    return names


def all_names() -> dict[str, Path]:
    """Every point of the services and of what they share, with the file that has it."""
    paths = [*(ROOT / "services").rglob("*.py"), *(ROOT / "shared").rglob("*.py")]
    files = [path for path in paths if path.name != "crashpoints.py"]
    return {name: path for path in files for name in names_in(ast.parse(path.read_text()))}
