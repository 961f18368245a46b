"""What a PromQL expression names: its selectors, each with what is done to it."""

from __future__ import annotations

from dataclasses import dataclass, field

import promql_parser as ql

VARIABLES = {"$__rate_interval": "1m", "$namespace": ".*"}


@dataclass
class Selector:
    """One selector of an expression. `around` are the functions and aggregations it stands in, innermost first."""

    name: str
    labels: set[str]
    around: tuple[str, ...]
    grouped: set[str] = field(default_factory=set)


def substituted(expr: str) -> str:
    """An expression of a dashboard as Prometheus gets it when everything is chosen."""
    for variable, value in VARIABLES.items():
        expr = expr.replace(variable, value)
    return expr


def selectors(expr: str) -> list[Selector]:
    """Every selector of an expression; ValueError if it is no PromQL, or its types do not fit."""
    found: list[Selector] = []
    _walk(ql.parse(expr), (), set(), found)
    return found


def _walk(node: object, around: tuple[str, ...], grouped: set[str], found: list[Selector]) -> None:
    match node:
        case ql.VectorSelector():
            labels = {matcher.name for matcher in node.matchers.matchers}
            found.append(Selector(node.name or "", labels, around, grouped))
        case ql.MatrixSelector():
            _walk(node.vector_selector, around, grouped, found)
        case ql.Call():
            for argument in node.args:
                _walk(argument, (node.func.name, *around), grouped, found)
        case ql.AggregateExpr():
            labels = set(node.modifier.labels) if node.modifier else set()
            _walk(node.expr, (str(node.op), *around), grouped | labels, found)
        case ql.BinaryExpr():
            _walk(node.lhs, around, grouped, found)
            _walk(node.rhs, around, grouped, found)
        case ql.ParenExpr() | ql.UnaryExpr() | ql.SubqueryExpr():
            _walk(node.expr, around, grouped, found)
        case ql.NumberLiteral() | ql.StringLiteral():
            pass
        case _:
            raise ValueError(f"no such node is known: {type(node).__name__}")
