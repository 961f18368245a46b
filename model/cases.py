"""What the model is checked with: the design, what it still promises when the provider does not keep to its bound,
and the design with one part taken out, each with the invariants that then break.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

PROMISES: Final = (
    "OneCreatePerRow",
    "NobodyRungTwice",
    "OneLiveCallPerJob",
    "SlotsNeverExceeded",
    "NoCreateAfterCancelAnswered",
    "NoJobForgotten",
    "NoSlotLeaked",
    "EveryCallKnown",
)

DOUBLED: Final = ("NobodyRungTwice", "OneLiveCallPerJob", "SlotsNeverExceeded", "EveryCallKnown")
"""What breaks once a job is dialled again whose first call is carried out all the same."""

DESIGN: Final[Mapping[str, int | bool]] = {
    "Rows": 2,
    "SendWithin": 1,
    "DialTimeout": 1,
    "AbsentAfter": 1,
    "Delay": 1,
    "Lag": 0,
    "ListErrs": False,
    "BoundKept": True,
    "BusinessLock": True,
    "SlotConstraint": True,
    "DeadlineCheck": True,
    "Denials": 2,
    "EachRipe": False,
    "JudgedByLook": True,
    "OwnerHandsBack": True,
    "NeverAdopted": True,
    "CancelWaits": True,
    "ReaperSettles": True,
    "RedialWhenAbsent": True,
    "Leased": False,
}
"""The constants of the model as the design has them; times are ticks."""


@dataclass(frozen=True)
class Case:
    """One configuration: where it differs from the design, and which promises it breaks; it keeps all others.

    Once calls of given-up rows are about, every job brings its own: then what is kept is looked for with one job.
    """

    name: str
    changes: Mapping[str, int | bool] = field(default_factory=dict)
    breaks: tuple[str, ...] = ()
    jobs: int = 2
    slots: int = 1

    @property
    def kept_jobs(self) -> int:
        """With how many jobs the promises that it keeps are checked."""
        return 1 if set(DOUBLED) <= set(self.breaks) else self.jobs

    @property
    def keeps(self) -> tuple[str, ...]:
        """The promises that hold in it."""
        return tuple(promise for promise in PROMISES if promise not in self.breaks)

    def configuration(self, invariants: Sequence[str]) -> str:
        """The text of TLC's configuration file."""
        constants = {**DESIGN, **self.changes, "Slots": self.slots}
        return "\n".join(
            [
                "SPECIFICATION Spec",
                "SYMMETRY Symmetry",
                "CONSTANTS",
                f"  Dispatchers = {_set('d', 2)}",
                f"  Jobs = {_set('j', self.jobs)}",
                *(f"  {name} = {str(value).upper()}" for name, value in constants.items()),
                f"INVARIANTS TypeOK {' '.join(invariants)}",
                "",
            ]
        )


def _set(letter: str, size: int) -> str:
    return "{" + ", ".join(f"{letter}{number}" for number in range(1, size + 1)) + "}"


SMALL: Final = Case("the design, every wait one tick", jobs=3, slots=2)
FULL: Final = Case("the design", {"SendWithin": 2, "AbsentAfter": 2, "Lag": 1}, jobs=3, slots=2)
LEASED: Final = Case("the design, claimed only by who believes to hold the lease", {"Leased": True}, jobs=3, slots=2)

VARIANTS: Final = (
    Case(
        "without the business lock and the slot constraint",
        {"BusinessLock": False, "SlotConstraint": False},
        ("SlotsNeverExceeded",),
    ),
    Case(
        "without the deadline check",
        {"DeadlineCheck": False},
        (*DOUBLED, "NoCreateAfterCancelAnswered"),
    ),
    Case("without the settle wait", {"AbsentAfter": 0, "BoundKept": False}, DOUBLED),
    Case("a denial counts from when it is told", {"JudgedByLook": False}, DOUBLED),
    Case("anybody hands a claim back", {"OwnerHandsBack": False}, (*DOUBLED, "NoCreateAfterCancelAnswered")),
    Case(
        "a successor sends what it finds claimed",
        {"NeverAdopted": False},
        (*DOUBLED, "OneCreatePerRow", "NoCreateAfterCancelAnswered"),
    ),
    Case("a cancel is answered at once", {"CancelWaits": False}, ("NoCreateAfterCancelAnswered",)),
    Case("without the reaper", {"ReaperSettles": False}, ("NoJobForgotten", "NoSlotLeaked", "EveryCallKnown")),
)
"""One part of the design is missing."""

BROKEN_BOUNDS: Final = (
    Case("requests are carried out later than ABSENT_AFTER", {"Delay": 2, "BoundKept": False}, DOUBLED),
    Case("lists lag longer than ABSENT_AFTER leaves", {"Lag": 1, "BoundKept": False}, DOUBLED),
    Case("a list misses a call that was to be seen", {"ListErrs": True, "BoundKept": False}, DOUBLED),
    Case(
        "as late, and on_uncertain is never",
        {"Delay": 2, "BoundKept": False, "RedialWhenAbsent": False},
        ("SlotsNeverExceeded", "EveryCallKnown"),
    ),
)
"""The provider does not do what the promise rests on."""

SPARE: Final = (
    Case("without the business lock, the slot constraint alone", {"BusinessLock": False}),
    Case("one denial is enough", {"Denials": 1}),
)
"""Parts that the promise would hold without, as long as everything else does what it should."""

STRICTER: Final = (
    Case(
        "the same, if both denials had to be past ABSENT_AFTER",
        {"ListErrs": True, "BoundKept": False, "EachRipe": True},
    ),
)
"""What a rule that the design does not have would keep: docs/decisions say why it has not."""

HAPPENS: Final[tuple[tuple[str, Case], ...]] = (
    ("NeverAtRest", Case("the design")),
    ("NeverGivenUp", Case("the design")),
    ("NeverTwoAtWork", Case("the design", slots=2)),
    ("NeverThawedTooLate", Case("the design")),
    ("NeverLiveWhenCancelAnswered", Case("the design")),
    ("NeverSurfaced", BROKEN_BOUNDS[0]),
)
"""What must be reached, or the model shows nothing: the name says that it is not, and must be broken."""
