"""What processes cost: CPU seconds and resident memory of a process and of everything that it started."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PPID, UTIME, CSTIME, RSS = 1, 11, 14, 21
"""Places in /proc/<pid>/stat after the name (proc(5)): parent, the four CPU times, resident pages."""


@dataclass(frozen=True)
class Usage:
    """CPU seconds since the start, ended children included, and resident MiB (shared pages count each time)."""

    cpu: float
    mib: float

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.cpu + other.cpu, self.mib + other.mib)


@dataclass(frozen=True)
class Stat:
    """One line of /proc/<pid>/stat."""

    parent: int
    usage: Usage

    @classmethod
    def parse(cls, line: str) -> Stat:
        """Read the line; the name may hold spaces and brackets."""
        fields = line.rpartition(")")[2].split()
        ticks = sum(int(field) for field in fields[UTIME : CSTIME + 1])
        return cls(int(fields[PPID]), Usage(ticks / TICKS, int(fields[RSS]) * PAGE / 2**20))


def read_stats(proc: Path = Path("/proc")) -> dict[int, Stat]:
    """Every process there is at this moment."""
    found = {}
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                found[int(folder.name)] = Stat.parse((folder / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended between the two looks
    return found


def usage_by_group(groups: Mapping[str, Iterable[int]], stats: Mapping[int, Stat] | None = None) -> dict[str, Usage]:
    """What each group has used so far: its processes and all their descendants."""
    stats = read_stats() if stats is None else stats
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        children.setdefault(stat.parent, []).append(pid)
    return {name: _tree(pids, stats, children) for name, pids in groups.items()}


def cpu_between(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> dict[str, float]:
    """CPU seconds by group from one reading to the other."""
    return {name: after[name].cpu - before[name].cpu for name in before}


def _tree(pids: Iterable[int], stats: Mapping[int, Stat], children: Mapping[int, list[int]]) -> Usage:
    total, left = Usage(0.0, 0.0), list(pids)
    while left:
        pid = left.pop()
        if pid in stats:
            total += stats[pid].usage
        left += children.get(pid, [])
    return total
