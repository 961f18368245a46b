"""What a rule found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from history.masking import masked_phone, masked_token


@dataclass(frozen=True, slots=True)
class Violation:
    """A sentence, and the ids by which its subject is found."""

    text: str
    ids: Mapping[str, int | str]


@dataclass(slots=True)
class Findings:
    """How many things were held against the rule, and which did not hold."""

    checked: int = 0
    violations: list[Violation] = field(default_factory=list)

    def hold(self, wrong: str | None, **ids: int | str | None) -> None:
        """Count one check, and what is wrong, if anything is. Numbers and tokens among the ids are masked."""
        self.checked += 1
        if wrong is not None:
            known = {name: _shown(name, value) for name, value in ids.items() if value is not None}
            self.violations.append(Violation(wrong, known))


def _shown(name: str, value: int | str) -> int | str:
    if name == "phone":
        return masked_phone(str(value))
    return masked_token(str(value)) if name == "token" else value
