import base64
import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from corowatch import __version__
from corowatch.core.addresses import HeaderName, Url, secrets_of
from corowatch.core.errors import Undelivered
from corowatch.core.events import Alert, Consumer, Delivery
from corowatch.core.kinds import Secret, sink
from corowatch.core.text import Text, rendered, safe
from corowatch.core.values import Seconds, TextTree

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

SAID = 500
"""Bytes of an answer that are kept to explain it."""
TRY_AGAIN = {408, 425, 429}
"""4xx that mean "later" (RFC 9110, RFC 8470, RFC 6585); every other means "never"."""


@sink
def webhook(
    *,
    url: Annotated[Url, "where to send it; certificates are verified, redirections not followed", Secret],
    method: Annotated[Literal["POST", "PUT", "PATCH"], "the request's method"] = "POST",
    headers: Annotated[dict[HeaderName, Text], "further headers, with {fields}"] = {},  # noqa: B006 - read only
    body: Annotated[TextTree | None, "a mapping whose texts may name {fields}, sent as JSON (default: the Alert)"] = (
        None),
    timeout: Annotated[Seconds, "seconds to wait for the connection, and for the answer"] = Seconds(10.0),
    delivery: Delivery,
) -> Consumer[Alert]:
    """Send each alert as JSON to a server, over one kept connection.

    The header Idempotency-Key is the alert's id. 2xx: delivered. 4xx but 408, 425 and 429: refused for good.
    Anything else is tried again, not before the time that Retry-After asks for.

        webhook: {url: 'https://hooks.example.org/T0', body: {text: '{title}', level: '{severity}'}}
    """
    import urllib3
    from urllib3 import HTTPHeaderDict

    pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=timeout, read=timeout))
    parts = urlsplit(url)
    own = {"Content-Type": "application/json", "User-Agent": f"corowatch/{__version__}", **_login(parts)}
    host = parts.netloc.rpartition("@")[2]
    secrets = secrets_of(url)  # which some servers repeat
    try:
        while True:
            alert = yield
            values = alert.values()
            data = alert.as_json() if body is None else msgspec.json.encode(rendered(body, values))
            told = HTTPHeaderDict(own)
            for name, text in headers.items():
                told[name] = _ascii(text.render(values))
            told["Idempotency-Key"] = alert.id
            try:
                reply = pool.request(method, url, body=data, preload_content=False, redirect=False, headers=told)
                said = _end(reply)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise Undelivered(f"{host}: {_reason(error)}") from None
            said = secrets.sub("…", said)
            delivery.said = f"{reply.status} {reply.reason or ''}{': ' if said else ''}{said}"
            if not 200 <= reply.status < 300:
                raise Undelivered(f"{host} answered {delivery.said}", after=_retry_after(reply),
                                  permanent=400 <= reply.status < 500 and reply.status not in TRY_AGAIN)
    finally:
        pool.clear()


def _ascii(text: str) -> str:
    """A header's value: one line of visible ASCII (RFC 9110, section 5.5)."""
    return safe(text).encode("ascii", "backslashreplace").decode()


def _login(url: SplitResult) -> dict[str, str]:
    """The header for the `user:password@` of an address, which may be percent-encoded; RFC 7617."""
    if url.username is None:
        return {}
    told = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return {"Authorization": "Basic " + base64.b64encode(told.encode()).decode()}


def _end(reply: "BaseHTTPResponse") -> str:
    """The beginning of what was answered; the connection is kept if that was all."""
    said = reply.read1(SAID)
    if reply.length_remaining == 0:
        reply.release_conn()
    else:
        reply.close()  # a server that goes on for ever must not keep us
    if "html" in reply.headers.get("Content-Type", ""):
        return ""  # a page is for browsers; its status says as much
    return safe(" ".join(said.decode("utf-8", "backslashreplace").split()))


def _reason(error: Exception) -> str:
    """Why it failed, without the address that the library puts into its messages."""
    cause = getattr(error, "reason", None) or error.__cause__ or error
    if "CERTIFICATE_VERIFY_FAILED" in str(cause):
        return f"its certificate is not trusted: {str(cause).rpartition(': ')[2].partition(' (_ssl')[0]}"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return {"ConnectTimeoutError": "no connection in time", "ReadTimeoutError": "no answer in time",
            "NameResolutionError": "its name is not known"}.get(type(error).__name__, type(cause).__name__)


def _retry_after(reply: "BaseHTTPResponse") -> float:
    """The seconds that the server asks to be left alone; RFC 9110, section 10.2.3."""
    asked = reply.headers.get("Retry-After", "").strip()
    if asked.isdecimal() and asked.isascii():
        return float(asked)
    try:
        return max(0.0, (parsedate_to_datetime(asked) - datetime.datetime.now(datetime.UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
