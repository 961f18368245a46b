"""Refusals as Twilio words them: code, HTTP status, message."""

from typing import Any

import orjson

DICTIONARY: dict[int, tuple[int, str]] = {
    10001: (403, "Account is not active"),
    10004: (400, "Call concurrency limit exceeded"),
    20001: (400, "Invalid parameter: {0}"),
    20003: (401, "Authenticate"),
    20005: (403, "Account not active"),
    20009: (409, "Cannot delete this resource before it is complete"),
    20404: (404, "The requested resource {0} was not found"),
    20422: (400, "Invalid parameter: {0}"),
    20429: (429, "Too Many Requests"),
    20500: (500, "Internal Server Error"),
    20503: (503, "Service Unavailable"),
    21200: (400, "Invalid parameter"),
    21201: (400, "No 'To' number is specified"),
    21202: (400, "The number {0} is a premium number and calls to it are not allowed"),
    21203: (400, "International calling not enabled"),
    21205: (400, "Url is not a valid URL: {0}"),
    21206: (400, "SendDigits parameter is invalid: {0}"),
    21208: (400, "Timeout parameter is invalid: {0}"),
    21209: (400, "Method is not valid: {0}"),
    21210: (400, "The source phone number provided, {0}, is not yet verified for your account."),
    21211: (400, "The phone number you are attempting to call, {0}, is not valid."),
    21212: (400, "The phone number provided in From, {0}, is not a valid phone number or caller id."),
    21213: (400, "No 'From' number is specified"),
    21214: (400, "The phone number you are attempting to call, {0}, cannot be reached."),
    21215: (
        400,
        "Account not authorized to call {0}. Perhaps you need to enable some international permissions",
    ),
    21216: (400, "Account not allowed to call {0}"),
    21217: (400, "Phone number does not appear to be valid: {0}"),
    21218: (400, "ApplicationSid is not valid: {0}"),
    21219: (400, "The number {0} is unverified. Trial accounts may only make calls to verified numbers."),
    21220: (400, "Call is not in-progress. Cannot redirect."),
    21234: (400, "MachineDetection value is invalid: {0}"),
    21609: (400, "StatusCallback is not a valid URL: {0}"),
    21626: (400, "StatusCallbackEvent is invalid: {0}"),
    22005: (400, "Call queue is full"),
    32018: (400, "Twiml parameter is longer than 4000 characters"),
}


class Refusal(Exception):
    """A request that Twilio answers with an error body."""

    def __init__(self, code: int, about: str = "", *, status: int | None = None, message: str | None = None) -> None:
        known_status, known_message = DICTIONARY.get(code, (400, "Error"))
        self.code = code
        self.status = status or known_status
        self.message = message or known_message.format(about)
        super().__init__(self.message)

    def body(self) -> bytes:
        content: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
        if self.code == 20003:
            content["detail"] = "Your AccountSid or AuthToken was incorrect."
        return orjson.dumps(content)
