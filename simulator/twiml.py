"""The part of TwiML that decides how long a call lasts: an immediate Hangup, a Redirect, or talk."""

from dataclasses import dataclass
from xml.parsers import expat


class BadTwiml(ValueError):
    """The document is not well-formed XML, or its root is not Response."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """The first verb ends the call."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """The call goes on with the document at this URL, which may be relative."""

    url: str
    method: str


@dataclass(frozen=True, slots=True)
class Talk:
    """The call lasts as long as its plan says."""


@dataclass(slots=True)
class _Verb:
    name: str
    attributes: dict[str, str]
    text: str = ""


def read(document: str) -> Hangup | Redirect | Talk:
    """What a document does; verbs before a Redirect take no time of their own."""
    verbs = _verbs(document)
    if verbs and verbs[0].name == "Hangup":
        return Hangup()
    for verb in verbs:
        if verb.name == "Hangup":
            break
        if verb.name == "Redirect":
            return Redirect(verb.text.strip(), verb.attributes.get("method", "POST").upper())
    return Talk()


def _verbs(document: str) -> list[_Verb]:
    path: list[str] = []
    verbs: list[_Verb] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        path.append(name)
        if len(path) == 2:
            verbs.append(_Verb(name, attributes))

    def text(data: str) -> None:
        if len(path) == 2:
            verbs[-1].text += data

    def end(_name: str) -> None:
        if len(path) == 1 and path[0] != "Response":
            raise BadTwiml(f"the root is {path[0]}, not Response")
        path.pop()

    def doctype(*_declaration: object) -> None:
        raise BadTwiml("a document type declaration is not TwiML")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text, doctype
    try:
        parser.Parse(document, True)  # noqa: FBT003
    except expat.ExpatError as error:
        raise BadTwiml(str(error)) from error
    return verbs
