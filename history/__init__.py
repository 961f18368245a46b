"""The history checker: holds what a database says about its calls against the provider's own ledger.

Rules: what was dialled is told by the ledger alone, the database is the accused; nothing of the system under judgement
is imported, so that an error there cannot excuse itself here; nothing is written anywhere.
"""
