"""A rig for each test."""

from tests.integration.reaper.rig import rig

__all__ = ["rig"]
