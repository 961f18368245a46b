import pytest

from simulator.twiml import BadTwiml, Hangup, Redirect, Talk, read


def test_a_hangup_first_ends_the_call_and_later_does_not() -> None:
    assert read("<Response><Hangup/></Response>") == Hangup()
    assert read("<Response><Say>bye</Say><Hangup/></Response>") == Talk()


def test_a_redirect_is_read_with_its_method() -> None:
    assert read("<Response><Redirect> http://h/a?b=1&amp;c=2 </Redirect></Response>") == Redirect(
        "http://h/a?b=1&c=2", "POST"
    )
    assert read('<Response><Say>x</Say><Redirect method="get">/next</Redirect></Response>') == Redirect("/next", "GET")


@pytest.mark.parametrize(
    "document",
    ["", "nonsense", "<html/>", "<Response>", '<!DOCTYPE r [<!ENTITY a "b">]><Response>&a;</Response>'],
)
def test_what_is_not_twiml_is_refused(document: str) -> None:
    with pytest.raises(BadTwiml):
        read(document)
