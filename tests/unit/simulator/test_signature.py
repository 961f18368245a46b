from simulator.signature import sign

PUBLISHED_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
PUBLISHED = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
]


def test_it_reproduces_the_vector_that_twilio_publishes() -> None:
    assert sign("12345", PUBLISHED_URL, PUBLISHED) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_the_order_of_the_fields_does_not_matter() -> None:
    assert sign("12345", PUBLISHED_URL, reversed(PUBLISHED)) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_a_repeated_pair_counts_once_and_an_empty_field_counts() -> None:
    assert sign("12345", PUBLISHED_URL, [*PUBLISHED, PUBLISHED[0]]) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert sign("12345", PUBLISHED_URL, [*PUBLISHED, ("ToZip", "")]) != "RSOYDt4T1cUTdK1PDd93/VVr8B8="
