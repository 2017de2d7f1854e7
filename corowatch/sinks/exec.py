from typing import Annotated

from corowatch.child import run
from corowatch.core.errors import Undelivered
from corowatch.core.events import Alert, Consumer, Delivery
from corowatch.core.kinds import sink
from corowatch.core.text import Text
from corowatch.core.values import Seconds
from corowatch.core.words import words


@sink
def exec_(
    *,
    argv: Annotated[list[Text], "the command, one word an item; no shell looks at it"],
    timeout: Annotated[Seconds, "after this time it is killed, with all that it started"] = Seconds(30.0),
    once: Annotated[bool, "it is run once, whatever its exit status says"] = False,
    delivery: Delivery,
) -> Consumer[Alert]:
    """Run a command for each alert, with the Alert as JSON on its standard input.

    Exit status 0: delivered. 65 and 77: refused for good. Anything else, or a timeout: tried again; with `once`
    all are delivered, and only what cannot be started, or whose end a crash of the daemon hid, is tried again. Its
    environment is PATH and LANG alone, its folder `/`. The program itself is fixed: a name, or a path, which
    begins at the config file's folder. A field that would make a word an option (`-x`) is refused.

        exec: [/usr/local/bin/page, '{severity}', '{title}']
    """
    while True:
        alert = yield
        try:
            command = words(argv, alert.values())
        except ValueError as error:
            raise Undelivered(str(error), permanent=True) from None
        delivery.said = run(command, alert.as_json() + b"\n", timeout, once=once)
