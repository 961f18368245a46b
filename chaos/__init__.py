"""Campaigns under random faults, held against the provider's ledger when they have come to rest."""
