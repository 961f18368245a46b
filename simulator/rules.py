"""Rules: which request or call misbehaves, and how.

Rules: a request meets at most one fault, the first rule that fits; a call takes on every call mode that fits, the
first rule of each mode. A rule counts only what fits the rest of its match, so `nth` means the nth such create.
"""

import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from simulator.modes import CALL_MODES, WHOLE_ACCOUNT, check_params, is_fault

Op = Literal["create", "fetch", "list", "update", "delete", "other", "any"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may look at."""

    op: Op
    account: str
    to: str = ""
    from_: str = ""


class Match(BaseModel):
    """What a rule fits; everything given must hold, nothing given fits all creates."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    to: str | None = None
    to_suffix: str | None = None
    from_: str | None = Field(default=None, alias="from")
    account: str | None = None
    op: Op | None = None
    probability: float | None = Field(default=None, ge=0, le=1)
    nth: int | None = Field(default=None, ge=1)
    every: int | None = Field(default=None, ge=1)

    def fits(self, facts: Facts) -> bool:
        return (
            self.to in (None, facts.to)
            and (self.to_suffix is None or facts.to.endswith(self.to_suffix))
            and self.from_ in (None, facts.from_)
            and self.account in (None, facts.account)
        )


class Rule(BaseModel):
    """A misbehaviour; `times` is how often it may still strike, None for ever."""

    model_config = ConfigDict(extra="forbid")

    id: str | None = None
    match: Match = Match()
    mode: str
    params: dict[str, Any] = {}
    times: int | None = Field(default=None, ge=1)
    _seen: int = PrivateAttr(default=0)
    _struck: int = PrivateAttr(default=0)

    @model_validator(mode="after")
    def _known(self) -> Self:
        check_params(self.mode, self.params)
        return self

    @property
    def struck(self) -> int:
        return self._struck

    def strikes(self, facts: Facts, rng: random.Random) -> bool:
        """Whether it strikes here; counts what it has seen and what it has struck."""
        if not self._op_fits(facts.op) or not self.match.fits(facts):
            return False
        if self.times is not None and self._struck >= self.times:
            return False
        self._seen += 1
        if self.match.nth is not None and self._seen != self.match.nth:
            return False
        if self.match.every is not None and self._seen % self.match.every:
            return False
        if self.match.probability is not None and rng.random() >= self.match.probability:
            return False
        self._struck += 1
        return True

    def _op_fits(self, op: Op) -> bool:
        wanted = self.match.op or ("any" if self.mode in WHOLE_ACCOUNT else "create")
        return wanted in ("any", op)


class RuleBook:
    """The rules in force, in the order in which they are tried."""

    def __init__(self, rules: Iterable[Rule], seed: int) -> None:
        self._numbers = itertools.count(1)
        self._rng = random.Random(seed)
        self._rules: list[Rule] = []
        for rule in rules:
            self.add(rule)

    def add(self, rule: Rule, *, first: bool = False) -> str:
        """Put a rule in force and give its id; a rule of the same id is replaced."""
        rule.id = rule.id or f"rule-{next(self._numbers)}"
        self.remove(rule.id)
        self._rules.insert(0 if first else len(self._rules), rule)
        return rule.id

    def remove(self, rule_id: str | None = None) -> int:
        """Take one rule, or all of them, out of force; gives how many."""
        kept = [rule for rule in self._rules if rule_id is not None and rule.id != rule_id]
        removed = len(self._rules) - len(kept)
        self._rules = kept
        return removed

    def all(self) -> list[Rule]:
        return list(self._rules)

    def fault(self, facts: Facts) -> Rule | None:
        """The rule that spoils this request, if any."""
        return next((rule for rule in self._rules if is_fault(rule.mode) and rule.strikes(facts, self._rng)), None)

    def behaviour(self, facts: Facts) -> dict[str, dict[str, Any]]:
        """Mode and parameters of everything that this call will do wrong or on demand."""
        found: dict[str, dict[str, Any]] = {}
        for rule in self._rules:
            if rule.mode in CALL_MODES and rule.mode not in found and rule.strikes(facts, self._rng):
                found[rule.mode] = rule.params
        return found
