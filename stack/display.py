"""What the demonstration shows: a live picture on a terminal, plain lines elsewhere, a table at the end."""

from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from stack.campaign import Look

COLOURS = {"answered": "green", "busy": "yellow", "no_answer": "yellow", "failed": "red"}
LATEST = 10
LINE_EVERY = 10  # jobs


class Display:
    """Told of each look, shows what is new in it. Use as a context manager."""

    def __init__(self, console: Console, names: dict[int, str], total: int) -> None:
        self._console = console
        self._names = names
        self._seen: set[int] = set()
        self._latest: deque[Text] = deque(maxlen=LATEST)
        self._told = 0
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._bar = self._progress.add_task("dialling", total=total)
        self._live = Live(console=console, refresh_per_second=10, transient=True)

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, look: Look) -> None:
        for job in look.jobs:
            if job["outcome"] and job["job_id"] not in self._seen:
                self._seen.add(job["job_id"])
                self._latest.append(self._line(job))
        if self._console.is_terminal:
            self._progress.update(self._bar, completed=len(self._seen), description=look.run["status"])
            self._live.update(Group(self._progress, self._calls(look), *self._latest))
        elif len(self._seen) >= self._told + LINE_EVERY or look.over:
            self._told = len(self._seen)
            self._console.print(_sentence(look))

    def _line(self, job: dict[str, Any]) -> Text:
        outcome = job["outcome"]
        line = Text(f"  {outcome:<11}", style=COLOURS.get(outcome, "magenta"))
        return line.append(f"{job['phone']:<15} {self._names.get(job['lead_id'], '')}", style="default")

    def _calls(self, look: Look) -> Text:
        live = [job["phone"] for job in look.jobs if job["status"] in ("dialing", "in_progress")]
        return Text(f"  live {len(live):>2}  ", style="bold").append(" ".join(live), style="dim")


def _sentence(look: Look) -> str:
    outcomes = Counter(job["outcome"] for job in look.jobs if job["outcome"])
    done = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    return f"  {outcomes.total()} of {len(look.jobs)} done ({done or 'none'}), {look.run['in_progress']} live"


def summary_table(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table(title="Campaign", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return table
