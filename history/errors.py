"""What can be wrong with the input."""


class Unreadable(Exception):
    """A ledger, a database or a file of notes cannot be judged by; the message says why in one line."""
