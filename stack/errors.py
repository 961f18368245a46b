"""What can go wrong while a system is brought up on this machine."""


class StackError(Exception):
    """The system on this machine could not be brought up or asked; the message says what to do."""


class ChildFailed(StackError):
    """A child process ended, or was not ready in time; the message ends with the last lines of its log."""
