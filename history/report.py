"""The judgement as people and programs read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from history.findings import Findings, Violation
from history.history import History
from history.rules import RULES, Rule


@dataclass(frozen=True, slots=True)
class Judgement:
    """One rule and what it found."""

    rule: Rule
    findings: Findings


def judge(history: History, rules: Iterable[Rule] = RULES) -> list[Judgement]:
    """Hold a history against every rule."""
    return [Judgement(rule, rule.check(history)) for rule in rules]


def is_clean(judgements: Iterable[Judgement]) -> bool:
    return not any(one.findings.violations for one in judgements)


def as_text(history: History, judgements: Sequence[Judgement], shown: int) -> Iterator[str]:
    """The report's lines; at most `shown` violations of each rule."""
    ledger, rows = history.ledger, history.rows
    yield f"ledger: {len(ledger.creates)} creates, {len(ledger.calls)} calls, {len(ledger.foreign)} of somebody else"
    yield f"database: {len(rows.runs)} runs, {len(rows.jobs)} jobs, {len(rows.calls)} call rows"
    yield (
        f"clocks may differ by {history.skew * 1000:g} ms; what is due has {history.patience:g} s; "
        f"{_told(history.actions)} actions of operators"
    )
    for one in judgements:
        findings = one.findings
        word = f"{len(findings.violations)} VIOLATED" if findings.violations else "holds"
        yield f"({one.rule.letter}) {one.rule.title}: {findings.checked} checked, {word}"
        yield from (f"    {_sentence(violation)}" for violation in findings.violations[:shown])
        left = len(findings.violations) - shown
        if left > 0:
            yield f"    and {left} more"


def as_json(history: History, judgements: Sequence[Judgement], shown: int) -> dict[str, Any]:
    """The same for programs."""
    return {
        "ok": is_clean(judgements),
        "creates": len(history.ledger.creates),
        "calls": len(history.ledger.calls),
        "rows": len(history.rows.calls),
        "skew": history.skew,
        "patience": history.patience,
        "rules": [_rule(one, shown) for one in judgements],
    }


def _rule(one: Judgement, shown: int) -> dict[str, Any]:
    violations = one.findings.violations
    return {
        "rule": one.rule.letter,
        "title": one.rule.title,
        "checked": one.findings.checked,
        "violated": len(violations),
        "violations": [{"text": each.text, "ids": dict(each.ids)} for each in violations[:shown]],
    }


def _sentence(violation: Violation) -> str:
    ids = ", ".join(f"{name} {value}" for name, value in violation.ids.items())
    return f"{violation.text} ({ids})"


def _told(actions: Sequence[object] | None) -> str:
    return "no file of" if actions is None else str(len(actions))
