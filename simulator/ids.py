"""Names that no other thing has; drawn in this process, since asking the system for each costs more than the rest."""

import random

_RANDOM = random.Random()


def hexadecimal() -> str:
    """32 digits, as a sid has them behind its two letters."""
    return f"{_RANDOM.getrandbits(128):032x}"


def dashed() -> str:
    """The same as a UUID is written."""
    digits = hexadecimal()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
