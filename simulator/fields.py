"""The form fields of webhooks, the empty ones included."""

from simulator.call import Call
from simulator.dates import rfc2822

API_VERSION = "2010-04-01"
GEO = tuple(
    (whose + what, "") for whose in ("From", "To", "Caller", "Called") for what in ("City", "State", "Zip", "Country")
)


def base(call: Call, status: str) -> list[tuple[str, str]]:
    """What every webhook about a call carries."""
    fields = [
        ("CallSid", call.sid),
        ("AccountSid", call.account.sid),
        ("From", call.from_),
        ("To", call.to),
        ("Caller", call.from_),
        ("Called", call.to),
        ("CallStatus", status),
        ("ApiVersion", API_VERSION),
        ("Direction", "outbound-api"),
        *GEO,
    ]
    if call.entry.answered_by is not None:
        fields.append(("AnsweredBy", call.entry.answered_by))
    return fields


def progress(call: Call, status: str, sequence: int, at: float) -> list[tuple[str, str]]:
    """A status callback's fields; the terminal one also tells duration and SIP code."""
    fields = [
        *base(call, status),
        ("Timestamp", rfc2822(at)),
        ("CallbackSource", "call-progress-events"),
        ("SequenceNumber", str(sequence)),
    ]
    entry = call.entry
    if status == entry.outcome:
        duration = entry.duration or 0
        fields += [("CallDuration", str(duration)), ("Duration", str(-(-duration // 60)))]
        if entry.sip_code is not None:
            fields.append(("SipResponseCode", str(entry.sip_code)))
    elif status in ("ringing", "in-progress"):
        fields.append(("StirStatus", ""))
    return fields
