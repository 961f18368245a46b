"""Ports that are free stay free until they are used."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys

import pytest

from stack import ports
from stack.errors import StackError
from stack.ports import free_port
from stack.rundir import ROOT


def test_no_port_is_given_twice_however_many_are_asked_for() -> None:
    given = [free_port() for _ in range(3 * ports.BLOCK)]
    assert len(set(given)) == len(given)
    assert all(ports.FIRST < port < ports.LAST for port in given)


def test_a_port_that_somebody_listens_on_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(ports, "_left", [free := free_port(), taken.getsockname()[1]])
        assert free_port() == free


def test_two_processes_are_given_different_ports() -> None:
    """Each chooses long before it listens: without a hold on what was chosen, one of two runs at once would fail."""
    mine = {free_port() for _ in range(ports.BLOCK)}
    program = f"from stack.ports import free_port\nprint(*(free_port() for _ in range({20 * ports.BLOCK})))"
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, timeout=120)
    theirs = {int(word) for word in told.stdout.split()}
    assert len(theirs) == 20 * ports.BLOCK
    assert not mine & theirs


def test_a_block_that_somebody_has_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    guards: list[socket.socket] = []
    monkeypatch.setattr(ports, "LAST", ports.FIRST + ports.BLOCK)
    monkeypatch.setattr(ports, "_left", [])
    monkeypatch.setattr(ports, "_guards", guards)
    with socket.socket() as other:
        with contextlib.suppress(OSError):  # a process beside this one may have it: as good
            other.bind(("127.0.0.1", ports.FIRST))
        with pytest.raises(StackError, match="no free port"):
            free_port()
    assert guards == []
