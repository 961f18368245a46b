"""What the tests of this folder share: one account, one create, a certificate."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from shared.telephony import boottime
from shared.telephony.create import CreateAccepted, CreateRequest, create_call
from shared.telephony.credentials import Credentials
from shared.telephony.http import ProviderHttp

TO, FROM = "+972501234567", "+15005550006"
TOKEN = "a-token-that-nobody-may-see"
CREDENTIALS = Credentials("AC" + "1" * 32, SecretStr(TOKEN))
SID = "CA" + "0123456789abcdef" * 2
REQUEST = CreateRequest(
    to=TO,
    from_=FROM,
    voice_url="https://ours.example/webhooks/twilio/voice/t-1#rc=5&rp=all",
    status_callback_url="https://ours.example/webhooks/twilio/status/t-1#rc=5&rp=all",
    ring_timeout=60,
    time_limit=3600,
)
ACCEPTED = json.dumps({"sid": SID, "status": "queued", "queue_time": "1500"})


async def create(http: ProviderHttp, *, within: float = 30.0) -> CreateAccepted:
    """One create that may be written within so many seconds."""
    return await create_call(http, CREDENTIALS, REQUEST, send_before=boottime.now() + within)


def error_body(code: int, message: str = "no") -> str:
    return json.dumps({"code": code, "message": message, "more_info": f"https://www.twilio.com/docs/errors/{code}"})


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for 127.0.0.1, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))
