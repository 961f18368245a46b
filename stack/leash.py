"""Starts a program that cannot outlive the process that started it.

Run as `python -I -S leash.py SIGNAL PARENT USER PROGRAM ARGUMENT...`: becomes USER ("-" for nobody else), asks the
kernel for SIGNAL at PARENT's death, then becomes PROGRAM. The kernel forgets the wish when credentials change,
hence the order. Only Linux has it: elsewhere a supervisor that is killed with -9 leaves its children.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1


def become(name: str) -> None:
    entry = pwd.getpwnam(name)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def die_with_parent(number: int, parent: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)


def main(arguments: list[str]) -> None:
    number, parent, user, program, *rest = arguments
    if user != "-":
        become(user)
    die_with_parent(int(number), int(parent))
    os.execvp(program, [program, *rest])  # noqa: S606 - this is the whole purpose


if __name__ == "__main__":
    main(sys.argv[1:])
