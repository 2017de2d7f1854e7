"""Alerts as a mail: the headers, and all of them as an attachment where the text leaves some out."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, parseaddr
from hashlib import blake2b

from corowatch.core.events import Alert
from corowatch.core.letter import body, subject

POLICY = SMTP.clone(cte_type="7bit")
"""Not every server takes eight bits; what has more is encoded."""


def letter(alerts: Sequence[Alert], sender: str, to: Sequence[str]) -> EmailMessage:
    """One mail for these alerts; nothing in them can add a header."""
    mail = EmailMessage(policy=POLICY)
    mail["Subject"] = subject(alerts)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Date"] = format_datetime(localtime())
    ids = "\n".join(alert.id for alert in alerts)
    own = ids if len(alerts) == 1 else blake2b(ids.encode(), digest_size=12).hexdigest()
    mail["Message-ID"] = f"<{own}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday should answer
    text, left_out = body(alerts)
    mail.set_content(text)
    if left_out:
        mail.add_attachment(b"".join(alert.as_json() + b"\n" for alert in alerts), maintype="application",
                            subtype="jsonl", filename="alerts.jsonl")
    return mail
