"""What a report may show of a number or a token: enough to find it, too little to use it."""


def masked_phone(number: str) -> str:
    """A number with all digits hidden but the first four and the last two."""
    digits = [at for at, sign in enumerate(number) if sign.isdigit()]
    hidden = set(digits[4:-2] if len(digits) > 8 else digits[2:-1])
    return "".join("*" if at in hidden else sign for at, sign in enumerate(number))


def masked_token(token: str) -> str:
    """The first four signs of a token."""
    return f"{token[:4]}…" if len(token) > 8 else "…"
