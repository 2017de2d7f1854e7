import socket
from collections.abc import Sequence
from contextlib import suppress
from email.utils import parseaddr
from typing import TYPE_CHECKING, Annotated, Literal

from corowatch.core.addresses import Mailbox, Server
from corowatch.core.errors import Undelivered
from corowatch.core.events import Batch, Consumer, Delivery
from corowatch.core.kinds import Pace, Secret, sink
from corowatch.core.later import Later
from corowatch.core.text import safe
from corowatch.core.values import Seconds
from corowatch.mail import letter

if TYPE_CHECKING:
    import smtplib
    import ssl
else:
    smtplib, ssl = Later("smtplib"), Later("ssl")  # 7 MB, loaded with the first mail

PORTS = {"none": 25, "starttls": 587, "tls": 465}
"""RFC 5321, RFC 6409, RFC 8314."""
TIMEOUT = 30.0
"""Seconds to wait for the connection and for each answer."""
CREDENTIALS = {530, 534, 535, 538}
"""Refusals of the user and not of the message (RFC 4954): somebody will mend the password."""


@sink
def email(
    *,
    to: Annotated[tuple[Mailbox, ...], "who gets it"],
    from_: Annotated[Mailbox | None, "the sender (default: corowatch@ and this machine's full name)"] = None,
    server: Annotated[Server, "the server that takes it; its port follows from `tls` if none is given"] = Server(
        "localhost"),
    user: Annotated[str | None, "whom to log in as"] = None,
    password: Annotated[str | None, "and with what, best as ${credential:NAME}", Secret] = None,
    tls: Annotated[Literal["none", "starttls", "tls"], "how the connection is secured; certificates are verified"] = (
        "none"),
    every: Annotated[Seconds, "the first alert leaves at once, then what waits as one mail in this time", Pace] = (
        Seconds(60.0)),
    delivery: Delivery,
) -> Consumer[Batch]:
    """Send alerts by mail: the first at once, then all that wait as one, at most one mail in `every`.

    The Message-ID is the alert's id. 5xx: refused for good, but for those of the login; else tried again. A
    recipient that has the mail is not sent it again because another was refused.

        email: {to: ops@example.org, server: smtp.example.org, tls: starttls, user: me, password: '${env:SMTP}'}
    """
    sender = from_ or "corowatch@" + min(socket.getfqdn(), socket.gethostname(), key=lambda own: own[:9] == "localhost")
    host, _, port = server.rpartition(":") if server[-1] != "]" and ":" in server else (server, "", "")
    while True:
        alerts = yield
        message = letter(alerts, sender, to).as_bytes()
        todo = [parseaddr(one)[1] for one in to if parseaddr(one)[1] not in delivery.done]
        try:
            with _connected(host.strip("[]"), int(port or PORTS[tls]), tls) as smtp:
                if user:
                    smtp.login(user, password or "")
                _send(smtp, parseaddr(sender)[1], todo, message, delivery)
        except smtplib.SMTPResponseException as error:
            raise Undelivered(f"{server}: {_told(error.smtp_code, error.smtp_error)}", permanent=(
                500 <= error.smtp_code < 600 and error.smtp_code not in CREDENTIALS)) from None
        except smtplib.SMTPNotSupportedError as error:
            raise Undelivered(f"{server}: {error}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise Undelivered(f"{server}: {getattr(error, 'strerror', '') or error or type(error).__name__}") from None


def _connected(host: str, port: int, tls: str) -> "smtplib.SMTP":
    smtp = smtplib.SMTP(host, port, timeout=TIMEOUT) if tls != "tls" else smtplib.SMTP_SSL(
        host, port, timeout=TIMEOUT, context=ssl.create_default_context())
    try:
        if tls == "starttls":
            smtp.starttls(context=ssl.create_default_context())
        smtp.ehlo_or_helo_if_needed()
    except BaseException:
        with suppress(OSError, smtplib.SMTPException):
            smtp.close()
        raise
    return smtp


def _send(smtp: "smtplib.SMTP", sender: str, todo: Sequence[str], message: bytes, delivery: Delivery) -> None:
    """One transaction for all of `todo`. Raises Undelivered, if some of them were refused, when the others have it."""
    _expect(smtp.mail(sender))
    refused = {}
    for one in todo:
        code, said = smtp.rcpt(one)
        if code not in (250, 251):
            refused[one] = (code, said)
    if len(refused) < len(todo):
        answer = smtp.data(message)
        _expect(answer)
        delivery.said = _told(*answer)
        delivery.done.update(set(todo) - refused.keys())
    if refused:
        raise Undelivered("; ".join(f"{one}: {_told(*why)}" for one, why in refused.items()),
                          permanent=all(500 <= code < 600 for code, _ in refused.values()))


def _expect(answer: tuple[int, bytes]) -> None:
    if answer[0] != 250:
        raise smtplib.SMTPResponseException(*answer)


def _told(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "backslashreplace") if isinstance(said, bytes) else said
    return f"{code} {safe(' '.join(text.split()))}"
