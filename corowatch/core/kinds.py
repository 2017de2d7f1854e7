"""A signature is a definition: from a generator function to a kind that YAML can name.

    @node
    def grep(target: Target[Event], *, pattern: Annotated[tuple[Pattern, ...], "searched for…", Gate]) …

- a parameter hinted `Target[…]` is an outlet, wired by the YAML;
- `Memory[…]` is state that survives, `Counts[…]` names what is counted, `Here` is the node's address,
  `Flags` what flows tell each other, `Others` what they look for, `Jobs` where it asks for what takes time,
  `Delivery` a sink's message in hand: they are handed in from outside, and made up when a test leaves them out;
- keyword-only parameters hinted `Annotated[type, "sentence"]` are options: name, type, default, docs
  (a trailing underscore is dropped: `except_` is `except` in YAML);
- the return hint says what it consumes, the docstring is its help, the function's name its name.

Where kinds come from is for `corowatch.discovery`.
"""

from __future__ import annotations

import inspect
import textwrap
import types
import typing
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Final, Generic, Literal, NamedTuple, TypeVar, get_args, get_origin

import msgspec

from corowatch.core.events import Batch, Delivery, Here, Target, Tick
from corowatch.core.flags import Flags
from corowatch.core.jobs import Jobs
from corowatch.core.memory import Memory
from corowatch.core.others import Others
from corowatch.core.standing import Standing
from corowatch.core.values import AtLeast, Function

Role = Literal["source", "node", "sink"]
Name = TypeVar("Name", bound=str)


class Counts(dict[str, int], Generic[Name]):
    """What a node counts: `counts["matched"] += 1`. The hint's Literal names the counters, all begin at 0.

    The graph owns it, so the counts survive a crash of the node and are written with the positions.
    """


class _Marker:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


Gate: Final = _Marker("Gate")
"""On patterns: "a line that no pattern of an option so marked matches I ignore, and send nothing for it"."""
Captures: Final = _Marker("Captures")
"""On a pattern: its named groups become fields of what passes."""
PatternFlag: Final = _Marker("PatternFlag")
"""On an option that says how the patterns beside it are read."""

FreeKeys: Final = _Marker("FreeKeys")
"""On an option that takes a mapping: every key that is no other option of the kind stands in it."""
Masks: Final = _Marker("Masks")
"""On an option that hides something of the line from all that follows."""
Sets: Final = _Marker("Sets")
"""On a flag's name: this is a step that sets it."""
Unmasked: Final = _Marker("Unmasked")
"""On an option that tells lines as they stand in their file, whatever was masked."""
Secret: Final = _Marker("Secret")
"""On an option that nobody but the daemon should read."""
Pace: Final = _Marker("Pace")
"""On a batching sink's option: at most one message in this time (seconds)."""

REQUIRED: Final = inspect.Parameter.empty
ANYTHING: Final = "*"
"""In `adds`: the fields are not known before it runs; behind a beginning (`sd.*`), those that begin so are not."""


class Option(msgspec.Struct, frozen=True, dict=True):
    """One option of a kind, as its signature says."""

    name: str
    parameter: str
    hint: Any
    default: Any
    sentence: str
    markers: tuple[Any, ...] = ()

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @cached_property
    def types(self) -> frozenset[Any]:
        """Its type, and those that this is made of."""
        return frozenset({self.hint, *get_args(self.hint)})

    @property
    def free(self) -> bool:
        return FreeKeys in self.markers

    @property
    def least(self) -> float | None:
        return next((marker.least for marker in self.markers if isinstance(marker, AtLeast)), None)


Adds = tuple[str, ...] | Callable[[Mapping[str, Any]], Iterable[str]]
Check = Callable[[Mapping[str, Any]], object]


class Kind(msgspec.Struct, frozen=True, dict=True):
    """What YAML can name. Called like the classic coroutine, it gives a primed consumer.

    `adds` names the fields that it gives to what it sends to its first outlet (`adds_to_all`: to each), or finds them
    from the options of one use. `check` is called with these, under their YAML names, and raises ValueError with a
    sentence if they do not go together. `standing` says what it remembers of a key, for people who ask why.
    `sends_with` is the option without which it sends nothing.
    """

    function: Callable[..., Any]
    role: Role
    adds: Adds = ()
    check: Check | None = None
    adds_to_all: bool = False
    standing: Standing | None = None
    sends_with: str = ""

    @cached_property
    def name(self) -> str:
        return self.function.__name__.rstrip("_")

    @cached_property
    def doc(self) -> str:
        """Its help; a last paragraph that shows how it is written is indented."""
        # Python 3.13 takes the indentation away before we see it, 3.11 does not.
        *told, last = inspect.cleandoc(self.function.__doc__ or "").split("\n\n")
        if last.lstrip().startswith(f"{self.name}:"):
            last = textwrap.indent(textwrap.dedent(last), "    ")
        return "\n\n".join([*told, last])

    @property
    def summary(self) -> str:
        """The first sentence of its help."""
        return self.doc.partition("\n")[0]

    @cached_property
    def _parameters(self) -> list[tuple[inspect.Parameter, Any]]:
        hints = typing.get_type_hints(self.function, include_extras=True)
        parameters = inspect.signature(self.function).parameters
        untyped = next((name for name in parameters if name not in hints), None)
        if untyped is not None:
            raise TypeError(f"the parameter {untyped!r} says nothing of its type; an option is {untyped}: "
                            "Annotated[str, 'what it is for']")
        return [(parameter, hints[name]) for name, parameter in parameters.items()]

    def _hinted(self, wanted: Any) -> dict[str, Any]:
        """The parameters of that hint, which may be `… | None`."""
        found = {}
        for parameter, hint in self._parameters:
            for one in get_args(hint) if get_origin(hint) in (types.UnionType, typing.Union) else (hint,):
                if wanted in (one, get_origin(one)):
                    found[parameter.name] = one
        return found

    @cached_property
    def outlets(self) -> tuple[str, ...]:
        """Its outlets' names; the first is where what passes goes."""
        return tuple(self._hinted(Target))

    @cached_property
    def sends(self) -> Any:
        """What it sends: Event, Alert, or of a reader of lines Block, or more than that; None if it has no outlet."""
        return next((get_args(hint)[0] for hint in self._hinted(Target).values()), None)

    @cached_property
    def memory(self) -> str | None:
        """The parameter that holds its Memory, if it has one."""
        return next(iter(self._hinted(Memory)), None)

    @cached_property
    def remembers(self) -> Any:
        """The type of what its Memory holds under a key."""
        return next((get_args(hint)[0] for hint in self._hinted(Memory).values()), Any)

    def fields(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """The fields that it adds where it is used with these options."""
        return tuple(self.adds(options)) if callable(self.adds) else self.adds

    @cached_property
    def here(self) -> str | None:
        return next(iter(self._hinted(Here)), None)

    @cached_property
    def flags(self) -> str | None:
        """The parameter that holds the Flags, if it has one."""
        return next(iter(self._hinted(Flags)), None)

    @cached_property
    def jobs(self) -> str | None:
        """The parameter that holds its Jobs, if it has one."""
        return next(iter(self._hinted(Jobs)), None)

    @cached_property
    def others(self) -> str | None:
        """The parameter that holds what other flows look for, if it asks for that."""
        return next(iter(self._hinted(Others)), None)

    @cached_property
    def delivery(self) -> str | None:
        """The parameter that holds the Delivery in hand, if it has one."""
        return next(iter(self._hinted(Delivery)), None)

    @cached_property
    def counters(self) -> tuple[str, ...]:
        """What it counts, in the order told."""
        hint = next(iter(self._hinted(Counts).values()), None)
        return get_args(get_args(hint)[0]) if hint else ()

    @cached_property
    def counts(self) -> str | None:
        return next(iter(self._hinted(Counts)), None)

    @cached_property
    def options(self) -> Mapping[str, Option]:
        found = {}
        for parameter, hint in self._parameters:
            if get_origin(hint) is not Annotated:
                continue
            plain, (sentence, *markers) = get_args(hint)[0], get_args(hint)[1:]
            name = parameter.name.rstrip("_")
            found[name] = Option(name, parameter.name, plain, parameter.default, sentence, tuple(markers))
        return found

    @cached_property
    def first(self) -> Option | None:
        """The option that a bare value stands for."""
        return next(iter(self.options.values()), None)

    @cached_property
    def free(self) -> Option | None:
        """The option in which every key stands that is no other's."""
        return next((option for option in self.options.values() if option.free), None)

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """What each option is where it is not given, REQUIRED where it must be."""
        return {name: option.default for name, option in self.options.items()}

    @cached_property
    def types(self) -> frozenset[Any]:
        """The types of its options, and those that these are made of."""
        return frozenset[Any]().union(*(option.types for option in self.options.values()))

    @cached_property
    def required(self) -> Sequence[Option]:
        """The options that must be given."""
        return [option for option in self.options.values() if option.required]

    @cached_property
    def consumes(self) -> frozenset[Any]:
        """The types that may be sent to it."""
        returned = typing.get_type_hints(self.function).get("return")
        if self.role == "source" or get_origin(returned) is not Generator:
            return frozenset()
        sent = get_args(returned)[1]
        return frozenset((sent,) if sent == Batch else get_args(sent) or (sent,))

    @property
    def batches(self) -> bool:
        """Whether it takes all alerts that wait as one message."""
        return Batch in self.consumes

    @cached_property
    def pace(self) -> str | None:
        """The option that says how long it rests between two messages, if it has one."""
        return next((option.name for option in self.options.values() if Pace in option.markers), None)

    @cached_property
    def runs_code(self) -> bool:
        """Whether it runs a function of the user's."""
        return any(option.hint is Function for option in self.options.values())

    @property
    def takes_ticks(self) -> bool:
        return Tick in self.consumes

    def start(self, **given: Any) -> Any:
        """Call the function, options under their YAML names; a source as it is, a coroutine primed."""
        renamed = {self.options[name].parameter if name in self.options else name: value
                   for name, value in given.items()}
        return self(**renamed)

    def __call__(self, *args: Any, **given: Any) -> Any:
        """As in the classic course: `grep(target, pattern=p)`. Memory, Counts and Here are made if left out."""
        bound = {*given, *(parameter.name for parameter, _ in self._parameters[:len(args)])}
        if self.memory and self.memory not in bound:
            given[self.memory] = Memory()
        if self.counts:
            counts = given.setdefault(self.counts, Counts())
            for name in self.counters:
                counts.setdefault(name, 0)
        if self.here and self.here not in bound:
            given[self.here] = Here()
        if self.flags and self.flags not in bound:
            given[self.flags] = Flags()
        if self.jobs and self.jobs not in bound:
            given[self.jobs] = Jobs()
        if self.others and self.others not in bound:
            given[self.others] = Others()
        if self.delivery and self.delivery not in bound:
            given[self.delivery] = Delivery()
        made = self.function(*args, **given)
        if self.role != "source":
            next(made)
        return made


@typing.overload
def node(function: Callable[..., Any]) -> Kind: ...
@typing.overload
def node(*, adds: Adds = (), check: Check | None = None, adds_to_all: bool = False, standing: Standing | None = None,
         sends_with: str = "") -> Callable[[Callable[..., Any]], Kind]: ...
def node(function: Callable[..., Any] | None = None, *, adds: Adds = (), check: Check | None = None,
         adds_to_all: bool = False, standing: Standing | None = None, sends_with: str = "") -> Any:
    """Make a node kind of a generator function. `adds`: the fields it gives to what it sends; the others: see Kind."""
    if function is None:
        return lambda function: Kind(function, "node", adds, check, adds_to_all, standing, sends_with)
    return Kind(function, "node", adds, check, adds_to_all, standing, sends_with)


def sink(function: Callable[..., Generator[None, Any, Any]]) -> Kind:
    """Make a sink kind of a generator function that receives Alerts, or a Batch of them."""
    return Kind(function, "sink")


@typing.overload
def source(function: Callable[..., Any]) -> Kind: ...
@typing.overload
def source(*, adds: Adds) -> Callable[[Callable[..., Any]], Kind]: ...
def source(function: Callable[..., Any] | None = None, *, adds: Adds = ()) -> Any:
    """Make a source kind of a function that gives a Source (corowatch.sources). `adds`: its events' own fields."""
    if function is None:
        return lambda function: Kind(function, "source", adds)
    return Kind(function, "source", adds)


class Broken(NamedTuple):
    """An entry point of another package that gives no kind, and why."""

    entry: str
    package: str
    why: str

    def __str__(self) -> str:
        return f"the package {self.package} offers {self.entry}, which cannot be used: {self.why}"


class Kinds(msgspec.Struct):
    """All kinds there are, by role and name. Raises ValueError if two of a role have one name."""

    source: Mapping[str, Kind] = msgspec.field(default_factory=dict)
    node: Mapping[str, Kind] = msgspec.field(default_factory=dict)
    sink: Mapping[str, Kind] = msgspec.field(default_factory=dict)
    broken: list[Broken] = msgspec.field(default_factory=list)

    def add(self, kind: Kind) -> None:
        table: dict[str, Kind] = getattr(self, kind.role)
        other = table.get(kind.name)
        if other and other is not kind:
            raise ValueError(f"two {kind.role} kinds are named {kind.name!r}: {_where(other)} and {_where(kind)}")
        table[kind.name] = kind

    def __iter__(self) -> typing.Iterator[Kind]:
        yield from self.source.values()
        yield from self.node.values()
        yield from self.sink.values()


def _where(kind: Kind) -> str:
    return f"{kind.function.__module__}.{kind.function.__qualname__}"
