"""A rig for each test."""

from tests.integration.patience import patient_database
from tests.integration.reaper.rig import rig

__all__ = ["patient_database", "rig"]
