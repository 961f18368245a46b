"""Writes the dashboards' JSON beside this code: `python -m deploy.grafana`."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.grafana import dispatcher, integrity, overview, servers, webhooks
from deploy.grafana.board import Board

HERE = Path(__file__).parent
BOARDS = (overview.BOARD, dispatcher.BOARD, webhooks.BOARD, integrity.BOARD, servers.BOARD)


def file_of(board: Board) -> Path:
    """Where a dashboard's JSON stands."""
    return HERE / f"{board.slug}.json"


def main() -> int:
    """Write every dashboard that has changed. Returns the exit status."""
    for board in BOARDS:
        file_of(board).write_text(board.json())
    print(f"wrote {len(BOARDS)} dashboards to {HERE}")  # noqa: T201 -- a command's answer
    return 0


if __name__ == "__main__":
    sys.exit(main())
