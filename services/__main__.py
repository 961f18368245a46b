"""`python -m services` says which services there are; each runs as a process of its own."""

from __future__ import annotations

import sys

SERVICES = ("api", "webhook", "dispatcher", "reaper")

sys.stderr.write("Each service is a process of its own:\n")
sys.stderr.writelines(f"  python -m services.{name}\n" for name in SERVICES)
raise SystemExit(2)
