"""The history checker's judgement of a system that has come to rest: `python -m history` says the same."""

from collections.abc import Sequence

from history.check import read_history
from history.errors import Unreadable
from history.history import History
from history.options import Options
from history.report import Judgement, as_text, is_clean, judge
from stack.errors import StackError
from stack.system import Stack

REST_TIMEOUT = 60.0
"""Seconds that what is under way may take to come to rest."""

PATIENCE = 1.0
SHOWN = 5


class Verdict:
    """What every rule says about the provider's ledger and the database."""

    def __init__(self, history: History, judgements: Sequence[Judgement]) -> None:
        self._history = history
        self._judgements = judgements

    @property
    def clean(self) -> bool:
        return is_clean(self._judgements)

    @property
    def rules(self) -> int:
        return len(self._judgements)

    def lines(self) -> list[str]:
        """The report, with the first violations of each rule."""
        return list(as_text(self._history, self._judgements, SHOWN))


async def judged(stack: Stack) -> Verdict:
    """Wait until nothing is under way, and hold the ledger against the database. StackError if it cannot be read."""
    options = Options(
        ledger=stack.run.state / "ledger.jsonl", database=stack.database_url, patience=PATIENCE, wait=REST_TIMEOUT
    )
    try:
        history = await read_history(options)
    except Unreadable as error:
        raise StackError(f"the history cannot be judged: {error}") from error
    return Verdict(history, judge(history))
