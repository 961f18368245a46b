"""The engines that are measured side by side; what cannot be had on this machine is left out, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.engine import Contender
from bench.ringfence import Ringfence
from stack.errors import StackError


def _ringfence() -> Contender:
    return Ringfence


def _rq_semaphore() -> Contender:
    from bench.baselines.redis_server import provide_redis
    from bench.baselines.rq_semaphore.engine import RqSemaphore

    provide_redis()
    return RqSemaphore


def _celery_retry() -> Contender:
    from bench.baselines.celery_retry.engine import CeleryRetry

    return CeleryRetry


def _procrastinate_locks() -> Contender:
    from bench.baselines.procrastinate_locks.engine import ProcrastinateLocks

    return ProcrastinateLocks


LOAD: dict[str, Callable[[], Contender]] = {
    Ringfence.name: _ringfence,
    "rq_semaphore": _rq_semaphore,
    "celery_retry": _celery_retry,
    "procrastinate_locks": _procrastinate_locks,
}
"""In the order in which they are measured; imported when wanted, for the libraries of the others may be missing."""


@dataclass(frozen=True)
class Engines:
    """What can be measured, and why the rest cannot."""

    found: dict[str, Contender]
    left_out: dict[str, str]


def find(names: Iterable[str]) -> Engines:
    """The engines of these names."""
    found, left_out = {}, {}
    for name in names:
        try:
            found[name] = LOAD[name]()
        except ImportError as error:
            left_out[name] = f"{error.name or error} is not installed"
        except StackError as error:
            left_out[name] = str(error)
    return Engines(found, left_out)
