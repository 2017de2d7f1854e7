from typing import Annotated, Literal

import msgspec

from corowatch.core.errors import StateRefused
from corowatch.core.events import Consumer, Event, Here, Target, Value
from corowatch.core.jobs import Answer, Job, Jobs
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.text import Text
from corowatch.core.values import AtLeast, Seconds
from corowatch.core.words import words


@node(adds=("exit_status", "exit_output"), adds_to_all=True)
def check(
    target: Target[Event],
    otherwise: Target[Event] | None = None,
    *,
    argv: Annotated[list[Text], "the command, one word an item; no shell looks at it"],
    timeout: Annotated[Seconds, "after this time it is killed, with all that it started"] = Seconds(30.0),
    max_waiting: Annotated[int, "so many await an answer at most; a further one goes on unchecked", AtLeast(1)] = 1000,
    here: Here,
    jobs: Jobs,
    memory: Memory[Event],
    counts: Counts[Literal["passed", "refused", "unchecked"]],
) -> Consumer[Event | Answer]:
    """Run a command for each event, one after the other: with exit status 0 it passes, else it goes to `otherwise`.

    Added are `exit_status` and `exit_output`: the last that the command wrote to standard output or standard error.
    An event goes on at the moment when its command has ended; lines are read meanwhile. A command that cannot be run,
    or does not end in its `timeout`, has no `exit_status`, and its event goes to `otherwise`; so does one of which a
    field would make a word an option (`-x`).

    The event is on standard input, as JSON (`text`, `at`, `fields`). The environment is PATH and LANG alone, the folder
    `/`. The program itself is fixed: a name, or a path, which begins at the config file's folder. What waits when
    corowatch ends is run at the next start, what was running then once more. Where more than `max_waiting` wait, a
    further event goes to `otherwise` at once, counted `unchecked`, and no earlier than the last answer came.

        check: [/usr/bin/systemctl, is-active, --quiet, nginx]
    """
    def ask(number: int, event: Event) -> None:
        values: dict[str, Value] = {name: here.value(event, name) for text in argv for name in text.names}
        try:
            command = words(argv, values)
        except ValueError as error:
            go_on(event, ended, None, str(error))
            return
        memory[str(number)] = event
        told = {"text": event.text, "at": event.when, "fields": event.fields}
        jobs.send(Job(number, command, msgspec.json.encode(told) + b"\n", timeout))

    def go_on(event: Event, at: float, status: int | None, said: str) -> None:
        counts["refused" if status else "unchecked" if status is None else "passed"] += 1
        told: dict[str, Value] = {} if status is None else {"exit_status": status}
        outlet = otherwise if status != 0 else target
        if outlet is not None:
            outlet.send(event.having({**told, "exit_output": said}, tick=at if at > event.when else 0.0))

    ended = 0.0  # when the last command did: an event that no command is run for comes no earlier than those before
    if not all(map(str.isdecimal, memory)):
        raise StateRefused("what a step remembers is damaged: a job without a number")
    for number in sorted(map(int, memory)):
        ask(number, Event.of(memory[str(number)]))
    number = max(map(int, memory), default=-1)
    try:
        while True:
            item = yield
            if isinstance(item, Answer):
                ended = item.at
                if (waiting := memory.pop(str(item.number), None)) is not None:
                    go_on(Event.of(waiting), ended, item.status, item.said)
            elif len(memory) >= max_waiting:
                go_on(item, ended, None, f"{max_waiting} wait already")
            else:
                number += 1
                ask(number, item)
    except GeneratorExit:
        return counts
