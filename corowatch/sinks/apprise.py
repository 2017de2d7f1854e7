import logging
import re
from typing import Annotated, Any

from corowatch.core.addresses import AppriseUrl
from corowatch.core.errors import Undelivered
from corowatch.core.events import Batch, Consumer, Delivery
from corowatch.core.kinds import Pace, Secret, sink
from corowatch.core.letter import body, subject
from corowatch.core.text import safe
from corowatch.core.values import Seconds

_CALL = re.compile(r"@(?=everyone|here|channel|all\b)|<(?=[!@])")
_TYPES = {"debug": "info", "info": "info", "warning": "warning", "error": "failure", "critical": "failure"}


@sink
def apprise(
    *,
    url: Annotated[AppriseUrl, "any of Apprise's URLs, such as slack://… or tgram://…; one a sink", Secret],
    every: Annotated[Seconds, "the first alert leaves at once, then what waits as one message in this time", Pace] = (
        Seconds(60.0)),
    delivery: Delivery,
) -> Consumer[Batch]:
    """Send alerts to a chat or another service that Apprise knows: the first at once, then what waits as one.

    Each service is a sink of its own, so that one which is down holds up no other. See
    https://github.com/caronc/apprise/wiki for the URLs.

        apprise: 'ntfy://${env:NTFY_TOKEN}@ntfy.example.org/alerts'
    """
    from apprise import Apprise, LogCapture  # 0.2 s and 37 MB, spent when the first alert needs it

    # What these log of a request holds the address, and with it the secret in it.
    for name in ("apprise", "urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.WARNING)
    service = Apprise.instantiate(url, suppress_exceptions=True)
    if service is None:
        raise Undelivered("Apprise does not know a URL of this kind, or something is missing in it")
    while True:
        alerts = yield
        worst = max((alert.severity for alert in alerts), key=list(_TYPES).index)
        capture: Any = LogCapture  # it has no type hints
        with capture(level=logging.WARNING, fmt="%(message)s") as log:
            sent = service.notify(title=_quiet(subject(alerts)), body=_quiet(body(alerts)[0]),
                                  notify_type=_TYPES[worst])
            said = safe(log.getvalue().strip().rpartition("\n")[2])
        if not sent:
            raise Undelivered(f"{service.service_name}: {said or 'it did not take the message'}")
        delivery.said = f"{service.service_name} took it"


def _quiet(text: str) -> str:
    """The text with what would call a whole channel broken by a character that nobody sees: a log must not do that."""
    return _CALL.sub(lambda found: found[0] + "\u200b", text)
