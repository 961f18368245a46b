"""What can go wrong with a chaos run that is no finding about the system."""


class ChaosError(Exception):
    """The run itself could not go on; the message says why."""
