from typing import Annotated

from corowatch.child import run
from corowatch.core.errors import Undelivered
from corowatch.core.events import Alert, Consumer, Delivery
from corowatch.core.kinds import sink
from corowatch.core.text import Text, capped, safe
from corowatch.core.values import Seconds


@sink
def exec_(
    *,
    argv: Annotated[list[Text], "the command, one word an item; no shell looks at it"],
    timeout: Annotated[Seconds, "after this time it is killed, with all that it started"] = Seconds(30.0),
    delivery: Delivery,
) -> Consumer[Alert]:
    """Run a command for each alert, with the Alert as JSON on its standard input.

    Exit status 0: delivered. 65 and 77: refused for good. Anything else, or a timeout: tried again. Its
    environment is PATH and LANG alone, its folder `/`. The program itself is fixed: a name, or a path, which
    begins at the config file's folder. A field that would make a word an option (`-x`) is refused.

        exec: [/usr/local/bin/page, '{severity}', '{title}']
    """
    while True:
        alert = yield
        delivery.said = run(words(argv, alert), alert.as_json() + b"\n", timeout)


def words(argv: list[Text], alert: Alert) -> list[str]:
    """The command for one alert. Raises Undelivered (permanent) where a field makes an option of a word."""
    values = alert.values()
    told = []
    for text in argv:
        word = capped(safe(text.render(values)))
        if word.startswith("-") and not text.source.startswith("-"):
            raise Undelivered(f"{text.source!r} became {word!r}, which a command would take for an option",
                              permanent=True)
        told.append(word)
    return told
