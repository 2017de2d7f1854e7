"""The user's own functions and secrets: looked at without running anything, loaded when the graph goes live.

A function's generator is guarded: a send that takes over `LIMIT` seconds is cut off by an alarm. The alarm
strikes only while the user's own code runs, never while what it sends is being dealt with downstream; it
cannot interrupt a single call into C (a regular expression, say) before that returns. Only the main thread
can be guarded so.
"""

from __future__ import annotations

# `signal` makes an enum of each result, which costs more than the call; only `signal` has type hints.
import _signal  # type: ignore[import-not-found]
import ast
import hashlib
import inspect
import os
import re
import stat
import sys
import threading
import types
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any

from corowatch.core.events import Event, Value
from corowatch.core.values import Function, nearest

LIMIT = 5.0
"""Seconds that one send may take."""
_TIMER = _signal.ITIMER_REAL
_ALARM = _signal.SIGALRM
_SURROGATE = re.compile("[\ud800-\udfff]")
_FUNCTION = inspect.CO_OPTIMIZED | inspect.CO_NEWLOCALS


def secret(kind: str, name: str) -> str:
    """The value of `${env:NAME}` or `${credential:NAME}`. Raises ValueError, saying what is missing."""
    told = f"${{{kind}:{name}}}"
    if kind == "env":
        if name not in os.environ:
            raise ValueError(f"{told}: the environment has no variable {name!r}")
        return os.environ[name]
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise ValueError(f"{told}: $CREDENTIALS_DIRECTORY is not set; a unit needs LoadCredential={name}:FILE, a shell "
                         f"CREDENTIALS_DIRECTORY=FOLDER, where {name} is")
    if not name or "/" in name or "\0" in name or name in (".", ".."):
        raise ValueError(f"{told}: {name!r} is no name of a credential; it is a plain file name")
    try:
        return Path(folder, name).read_text("utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise ValueError(f"{told}: {folder}/{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{told}: {folder}/{name} is not UTF-8 text") from None


# --- looking at a function --------------------------------------------------------------------------


def inspect_function(file: str, name: str) -> Function:
    """What `file` says of its generator function `name`; nothing in it is run.

    Raises ValueError with a sentence for the operator.
    """
    source = _trusted(file)
    functions = {code.co_name: code for code in _compiled(source, file).co_consts
                 if isinstance(code, types.CodeType) and code.co_flags & _FUNCTION == _FUNCTION}
    code = functions.get(name)
    if code is None:
        raise ValueError(f"{file} has no function {name!r}{nearest(name, functions)}")
    if not code.co_flags & inspect.CO_GENERATOR:
        raise ValueError(f"{name!r} in {file} is no generator function: it has no `yield`")
    parameters = code.co_varnames[:code.co_argcount + code.co_kwonlyargcount]
    fingerprint = hashlib.blake2b(source, digest_size=8).hexdigest()
    return Function(file, name, "target" in parameters, fingerprint, load=lambda: _load(source, file, name),
                    signature=_signature(source, file, name))


def _signature(source: bytes, file: str, name: str) -> inspect.Signature | None:
    """What the function takes; None where that shows only when the file runs: it is decorated, or named anew."""
    tree: ast.Module = _compiled(source, file, ast.PyCF_ONLY_AST)
    named = [one for one in ast.walk(tree) if getattr(one, "name", None) == name or getattr(one, "asname", None) == name
             or (isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Store))]
    made = named[0]
    if len(named) > 1 or made not in tree.body or not isinstance(made, ast.FunctionDef) or made.decorator_list:
        return None
    return inspect.Signature(list(_parameters(made.args)))


def _parameters(given: ast.arguments) -> Iterator[inspect.Parameter]:
    one = inspect.Parameter
    plain = [*((arg, one.POSITIONAL_ONLY) for arg in given.posonlyargs),
             *((arg, one.POSITIONAL_OR_KEYWORD) for arg in given.args)]
    needed = len(plain) - len(given.defaults)
    for at, (arg, kind) in enumerate(plain):
        yield one(arg.arg, kind, default=one.empty if at < needed else None)
    if given.vararg:
        yield one(given.vararg.arg, one.VAR_POSITIONAL)
    for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield one(arg.arg, one.KEYWORD_ONLY, default=None if default else one.empty)
    if given.kwarg:
        yield one(given.kwarg.arg, one.VAR_KEYWORD)


def _trusted(file: str) -> bytes:
    """The bytes of a file that only the daemon's user or root can have written."""
    try:
        # O_NONBLOCK: else opening a FIFO would wait for a writer.
        with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
            status = os.fstat(opened.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f"{file} is not a regular file")
            if status.st_uid not in (0, os.geteuid()):
                raise ValueError(f"{file} belongs to another user; it must belong to this one or to root")
            if status.st_mode & stat.S_IWOTH:
                raise ValueError(f"{file} can be written by everyone; take that away: chmod o-w {file}")
            return opened.read()
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None


def _compiled(source: bytes, file: str, flags: int = 0) -> Any:
    """The code of a file, or what `flags` ask for. Raises ValueError with a sentence for the operator."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its author's business, and told at another time
            return compile(source, file, "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        raise ValueError(f"{file} is not Python: {error.msg}, line {error.lineno}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{file} is not Python: {error}") from None


# --- running it -------------------------------------------------------------------------------------


def _load(source: bytes, file: str, name: str) -> Callable[..., Guarded]:
    """Run the file anew, under a name of its own, and give its function guarded."""
    own = hashlib.blake2b(os.fsencode(file), digest_size=6).hexdigest()
    module = types.ModuleType(f"corowatch_user_{own}")
    module.__file__ = file
    sys.modules[module.__name__] = module  # dataclasses and the like look their module up
    with _beside(str(Path(file).parent)), _no_exit(file):
        exec(_compiled(source, file), vars(module))  # noqa: S102 - what the user asked for
    function = getattr(module, name)

    def made(*args: Any, **options: Any) -> Guarded:
        if "target" in options:
            options["target"] = _Downstream(options["target"], name)
        return Guarded(function(*args, **options), name)

    return made


@contextmanager
def _beside(folder: str) -> Iterator[None]:
    """Meanwhile, imports find the file's neighbours, as fresh as itself; not where just anyone may write."""
    status = Path(folder).stat()
    if status.st_mode & stat.S_IWOTH or status.st_uid not in (0, os.geteuid()):
        yield
        return
    before, quiet = set(sys.modules), sys.dont_write_bytecode
    neighbours: Any = _Neighbours(folder)
    sys.meta_path.insert(0, neighbours)
    sys.dont_write_bytecode = True  # a config folder is no place for caches, and a stale one hides changes
    try:
        yield
    finally:
        sys.dont_write_bytecode = quiet
        sys.meta_path.remove(neighbours)
        for name in set(sys.modules) - before:
            origin = getattr(sys.modules[name], "__file__", None)
            if origin and Path(origin).is_relative_to(folder):
                del sys.modules[name]


class _Trusting(SourceFileLoader):
    def get_code(self, fullname: str) -> types.CodeType:
        code: types.CodeType = _compiled(_trusted(self.path), self.path)
        return code


class _Neighbours:
    """Finds the modules of one folder, and lets none be loaded that others may have written."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        folder = self._folder if path is None else next(iter(path), "")
        if not Path(folder).is_relative_to(self._folder):
            return None
        spec = FileFinder(folder, (_Trusting, SOURCE_SUFFIXES)).find_spec(name)
        return spec if spec and spec.loader else None


@contextmanager
def _no_exit(what: str) -> Iterator[None]:
    try:
        yield
    except SystemExit:
        raise RuntimeError(f"{what} asked the whole program to exit") from None


class _TooLong(BaseException):  # not an Exception, so that `except Exception` in a loop lets it pass
    """The alarm went off in the user's code."""


class _Watch:
    """Whose code runs now: the alarm may strike only while `armed`; else it is noted as `late`."""

    def __init__(self) -> None:
        self.armed = False
        self.late = False


_watch = _Watch()


def _alarm(number: int, frame: types.FrameType | None) -> None:
    if _watch.armed:
        raise _TooLong
    _watch.late = True


def _guarded(function: Callable[..., Any], name: str, *args: Any) -> Any:
    """`function(*args)`, cut off after LIMIT seconds. Raises TimeoutError then.

    What was armed before, by a function further up or by somebody else, goes on afterwards with the time
    that it had left.
    """
    if threading.get_ident() != threading.main_thread().ident:
        return function(*args)
    watch = _watch
    armed, late, watch.late = watch.armed, watch.late, False
    handler = _signal.getsignal(_ALARM)
    if handler is not _alarm:
        _signal.signal(_ALARM, _alarm)
    left = every = 0.0
    # An alarm may come at any moment until the flag is down, so everything up to there is inside one `try`.
    try:
        try:
            # Again and again, lest the function swallow the first and go on.
            left, every = _signal.setitimer(_TIMER, LIMIT, LIMIT)
            watch.armed = True
            return function(*args)
        finally:
            watch.armed = False
    except _TooLong:
        watch.armed = False
        raise TimeoutError(f"{name} took over {LIMIT:g} s") from None
    except SystemExit:
        raise RuntimeError(f"{name} asked the whole program to exit") from None
    except Exception:
        raise
    except BaseException as error:  # asyncio.CancelledError and the like are nobody's signal here
        raise RuntimeError(f"{name} raised {type(error).__name__}: {error}") from error
    finally:
        if callable(handler) and handler is not _alarm:
            _signal.setitimer(_TIMER, 0.0)
            _signal.signal(_ALARM, handler)
        _signal.setitimer(_TIMER, left, every)
        watch.armed, watch.late = armed, late


class Guarded:
    """A user's generator, each step of it cut off when it takes too long."""

    __slots__ = ("_generator", "_name", "_primed", "_send")

    def __init__(self, generator: Generator[Any, Any, Any], name: str) -> None:
        if not inspect.isgenerator(generator):
            raise TypeError(f"{name} gave a {type(generator).__name__}, not a generator")
        self._generator = generator
        self._name = name
        self._send = generator.send
        self._primed = inspect.getgeneratorstate(generator) == inspect.GEN_SUSPENDED

    def __iter__(self) -> Guarded:
        return self

    def __next__(self) -> Any:
        """Go on to the next `yield`; one that its own decorator has primed stands there already."""
        if self._primed:
            self._primed = False
            return None
        return _guarded(self._send, self._name, None)

    def send(self, item: Any) -> Any:
        """Hand `item` to the generator. Raises TimeoutError if it takes over LIMIT seconds."""
        return _guarded(self._send, self._name, item)

    def close(self) -> None:
        """Close the generator. Raises TimeoutError if its handler takes over LIMIT seconds."""
        _guarded(self._generator.close, self._name)


class _Downstream:
    """A target as a user's function sees it: what lies behind is not the user's, and is never cut off."""

    __slots__ = ("_name", "_send")

    def __init__(self, target: Any, name: str) -> None:
        self._send = target.send
        self._name = name

    def send(self, item: Any) -> None:
        """Send an Event on. Raises TypeError where it is none, or a field holds what an alert cannot."""
        if type(item) is not Event:
            raise TypeError(f"{self._name} sent a {type(item).__name__}; a step sends Events: event.having({{…}})")
        for field, value in item.fields.items():
            if type(field) is not str or not isinstance(value, Value) or (
                    isinstance(value, str) and not value.isascii() and _SURROGATE.search(value)):
                raise TypeError(f"{self._name} sent the field {field!r} with a {type(value).__name__}; a field holds a "
                                "text, a number, true, false or None")
        watch = _watch
        armed, watch.armed = watch.armed, False
        try:
            self._send(item)
        finally:
            watch.armed = armed
        if armed and watch.late:
            raise _TooLong
