"""What languages write when something goes wrong: how the lines of a stack trace follow on each other.

Each is a small machine. `begins` says which line one begins with; behind each line of it one of the `Step`s of the
state may come next, the first whose pattern is found. A state whose name ends with "?" is unsure: its lines belong to
the trace only if a line comes that is sure again. Patterns are of bytes, by the standard library's `re`, each tried on
one line.

Sources: the formats as their runtimes print them. Python, `traceback`; Java, `Throwable.printStackTrace`; Go,
`runtime/traceback.go`; Node, V8's "Stack trace API"; .NET, `Exception.ToString`; Ruby, `Exception#full_message`; Rust,
`std::panicking` and `anyhow`; PHP, `Throwable::__toString` and Xdebug; Dart, `StackTrace`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from corowatch.core.pattern import searcher
from corowatch.core.records import UNSURE, WHOLE


class Step(NamedTuple):
    """A line in which the pattern is found leads to a state."""

    pattern: str
    to: str


class Trace(NamedTuple):
    """How a trace begins, and how it goes on from each state; the first state is `begun`."""

    begins: str
    steps: Mapping[str, Sequence[Step]]


_THROWABLE = r"(?:Exception|Error|Throwable)\b"
_JAVA_FRAMES = (
    Step(r"^[\t ]+(?:eval )?at ", "frames"),
    Step(r"^[\t ]*\.\.\. \d+ (?:more|common frames omitted)", "frames"),
    Step(r"^[\t ]+- (?:locked|waiting|parking)", "frames"),
    Step(r"^[\t ]*(?:Caused by|Suppressed): ", "begun"),
    Step(r"^[\t ]*\[CIRCULAR REFERENCE", "frames"),
    Step(r"^[\t ]*nested exception is:", "nested"),
)
_NODE_FRAMES = (
    Step(r"^ +(?:eval )?at .* \{$", "properties"),
    Step(r"^[\t ]+(?:eval )?at ", "frames"),
    Step(r"^ +\[cause\]: ", "frames"),
)
_DOTNET_FRAMES = (
    Step(r"^[\t ]+(?:at|bei|à|в) ", "frames"),
    Step(r"^[\t ]*--- End of ", "frames"),
    Step(r"^[\t ]*(?:\(Inner Exception #\d+\) )?---> ", "frames"),
    Step(r"^[\t ]*Inner exceptions?:?$", "frames"),
)
_PYTHON_FRAMES = (
    Step(r"^[\t ]*[+|]", "frames"),
    Step(r"^[\t ]+\S", "frames"),
    Step(r"^[A-Za-z_][\w.]*(?::|$)", "told"),
)
_GO_FRAMES = (
    Step(r"^\t", "frames"),
    Step(r"^(?:created by )?[\w.*/%·~()\[\],-]+\(.*\)$", "frames"),
    Step(r"^(?:created by |\[signal |\[originating from |\.\.\.|[ \t]+\S+\.(?:go|s):\d)", "frames"),
    Step(r"^goroutine \d+ ", "frames"),
    Step(r"^\w+ +0x[0-9a-f]+$", "frames"),
    Step(r"^\s*$", "gap?"),
)
_RUBY_FRAMES = (
    Step(r"^[\t ]+(?:\d+: )?(?:from )?\S.*:\d+:in [`']", "frames"),
    Step(r"^[\t ]+ \.\.\. \d+ levels\.\.\.", "frames"),
    Step(r"^\s*$", "gap?"),
)
_PHP_FRAMES = (
    Step(r"^(?:\[[^\]]*\] )?(?:PHP )?Stack trace:$", "frames"),
    Step(r"^(?:\[[^\]]*\] PHP )?#\d+ ", "frames"),
    Step(r"^(?:\[[^\]]*\] )?PHP +\d+\. ", "frames"),
    Step(r"^\s+thrown in ", WHOLE),
    Step(r"^Next \S+", "begun"),
    Step(r"^$", "gap?"),
)
_RUST_FRAMES = (
    Step(r"^stack backtrace:$", "frames"),
    Step(r"^ +\d+: ", "frames"),
    Step(r"^ +at ", "frames"),
    Step(r"^note: ", "frames"),
)

_MESSAGE = 3
"""Lines that the text of an exception has at most, behind its first."""
# What begins as stamps do, or with a throwable, is a line of its own.
_TEXT = rf"^(?![\[\d]|[A-Z][a-z]{{2}} [ \d]\d |.*{_THROWABLE})"


def _told(frames: Sequence[Step]) -> Mapping[str, Sequence[Step]]:
    """The states of a throwable with these frames: its text may go on in a few lines, if one of them comes then."""
    names = ["begun", *(f"text {number}?" for number in range(1, _MESSAGE + 1))]
    states = {name: (*frames, Step(_TEXT, further)) for name, further in pairwise(names)}
    return {**states, names[-1]: frames, "frames": frames}


TRACES: Mapping[str, Trace] = {
    "python": Trace(r"Traceback \(most recent call last\):\s*$", {
        "begun": _PYTHON_FRAMES,
        "frames": _PYTHON_FRAMES,
        "told": (Step(r"^$", "chain?"), Step(r"^[\t ]+\+", "frames")),
        "chain?": (Step(r"^(?:During handling of the above|The above exception was the direct) ", "link"),),
        "link": (Step(r"^$", "link"), Step(r"Traceback \(most recent call last\):\s*$", "frames")),
    }),
    "java": Trace(_THROWABLE, {
        **_told(_JAVA_FRAMES),
        "nested": (Step(r"", "detail"),),
        "detail": (*_JAVA_FRAMES, Step(r"^$", "detail")),
    }),
    "go": Trace(r"^panic: |http: panic serving|^fatal error: |^SIG[A-Z]+: |^goroutine \d+ \[[^\]]*\]:$", {
        "begun": (Step(r"^\s*panic: ", "begun"), Step(r"^(?:\[signal|PC=|runtime: )", "begun"), *_GO_FRAMES[3:]),
        "frames": _GO_FRAMES,
        "gap?": (Step(r"^goroutine \d+ ", "frames"), Step(r"^\w+ +0x[0-9a-f]+$", "frames")),
    }),
    "node": Trace(rf"{_THROWABLE}|^V8 errors stack trace", {
        **_told(_NODE_FRAMES),
        "properties": (Step(r"^[\t ]+\S", "properties"), Step(r"^\}", WHOLE)),
    }),
    "dotnet": Trace(_THROWABLE, _told(_DOTNET_FRAMES)),
    "ruby": Trace(r"(?:Error|Exception)\b.* \(.*\):\s*$|:\d+:in [`'].*\(\S+\)\s*$"
                  r"|^Traceback \(most recent call last\):$", {
        "begun": _RUBY_FRAMES,
        "frames": (*_RUBY_FRAMES[:2], Step(r"^\S.*:\d+:in [`'].*\(\S+\)\s*$", WHOLE)),
        "gap?": _RUBY_FRAMES[:2],
    }),
    "rust": Trace(r"\bpanicked at |^Error: ", {
        "begun": (*_RUST_FRAMES, Step(r"^$", "gap?"), Step(r"", "message?")),
        "message?": _RUST_FRAMES,
        "gap?": (Step(r"^(?:Caused by|Stack backtrace):$", "causes"),),
        "causes": (Step(r"^[\t ]+\S", "causes"), Step(r"^$", "gap?")),
        "frames": _RUST_FRAMES,
    }),
    "php": Trace(r"PHP (?:Notice|Warning|Parse error|Fatal error|Deprecated):|exception '[^']+' with message '"
                 r"|Uncaught \S+: ", {
        "begun": _PHP_FRAMES,
        "frames": _PHP_FRAMES,
        "gap?": (Step(r"^Next \S+", "begun"),),
    }),
    "dart": Trace(r"^Unhandled exception:$", {
        "begun": (Step(r"^#\d+\s", "frames"), Step(r"^(?!Unhandled exception:$)", "message?")),
        "message?": (Step(r"^#\d+\s", "frames"), Step(r"^(?!Unhandled exception:$)", "message?")),
        "frames": (Step(r"^#\d+\s", "frames"), Step(r"^<asynchronous suspension>$", "frames")),
    }),
}


class Traces:
    """A Joiner for the traces of some languages. A state is that of each that the lines so far may be of, a sure one
    last if there is one."""

    joints = None

    def __init__(self, languages: Sequence[str]) -> None:
        traces = {language: TRACES[language] for language in languages}
        opens = "|".join(f"(?:{trace.begins})" for trace in traces.values())
        self._opens = searcher(f"(?m){opens}")
        self._begins = [(_state(language, "begun"), re.compile(trace.begins.encode()))
                        for language, trace in traces.items()]
        self._steps = {_state(language, name): [(re.compile(step.pattern.encode()).search, _state(language, step.to))
                                                for step in steps]
                       for language, trace in traces.items() for name, steps in trace.steps.items()}

    def opens(self, data: bytes, at: int) -> int:
        found = self._opens(data, at)
        return len(data) if found < 0 else data.rfind(b"\n", 0, found) + 1

    def begin(self, line: bytes) -> str:
        return "|".join(state for state, begins in self._begins if begins.search(line))

    def go_on(self, state: str, line: bytes) -> str:
        if state in self._steps:  # nearly always it is of one language
            return self._after(state, line)
        states = [to for one in state.split("|") if (to := self._after(one, line))]
        if WHOLE in states:
            return WHOLE
        return "|".join(sorted(dict.fromkeys(states), key=lambda one: not one.endswith(UNSURE)))

    def _after(self, state: str, line: bytes) -> str:
        for found, to in self._steps[state]:
            if found(line):
                return to
        return ""


def _state(language: str, name: str) -> str:
    return name if name == WHOLE else f"{language} {name}"
