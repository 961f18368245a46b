"""`python -m bench.readme`: write the README's table anew from bench/results. A test compares the two."""

from __future__ import annotations

from pathlib import Path

from bench.results import FILE, Results
from bench.table import as_markdown
from stack.rundir import ROOT

README = ROOT / "README.md"
RESULTS = ROOT / "bench" / "results"
BEGIN, END = "<!-- bench/results/bench.json says: -->", "<!-- what it says ends here -->"
BEFORE = "## Read on"
TITLE = "## How fast"
MEANING = "[docs/bench.md](docs/bench.md) says what each line means; `make bench` measures it on your machine."


def section(results: Results) -> str:
    """Everything from the first mark to the second."""
    return f"{BEGIN}\n{as_markdown(results)}{END}"


def with_section(readme: str, results: Results) -> str:
    """The README with this table: in the place of the one that it has, else before the list of further pages."""
    if BEGIN in readme:
        before, _, rest = readme.partition(BEGIN)
        return before + section(results) + rest.partition(END)[2]
    before, after = readme.split(BEFORE, 1)
    return f"{before}{TITLE}\n\n{section(results)}\n\n{MEANING}\n\n{BEFORE}{after}"


def present_section(readme: str) -> str | None:
    """The table that the README has, with its marks; None where it has none."""
    if BEGIN not in readme:
        return None
    return BEGIN + readme.partition(BEGIN)[2].partition(END)[0] + END


def write(readme: Path = README, results: Path = RESULTS) -> None:
    """Bring the README up to date."""
    readme.write_text(with_section(readme.read_text(), Results.read(results)))


if __name__ == "__main__":
    if not (RESULTS / FILE).exists():
        raise SystemExit(f"there is no {RESULTS / FILE}; run make bench first")
    write()
