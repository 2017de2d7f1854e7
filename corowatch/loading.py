"""From paths to a Config: reads the files, and hands in what the pure loader must not touch.

What is wrong only with a view on the file system (a sink that writes into a file that is watched) or on what one
kind does (a command that a log would choose) is told here, in the same form.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from corowatch.core.config import Config, ConfigFile, SinkUse, Step, load
from corowatch.core.errors import ConfigError, Mistake, Place
from corowatch.core.text import Text
from corowatch.core.wiring import CONSOLE
from corowatch.discovery import at_hand
from corowatch.plugins import inspect_function, secret
from corowatch.sources.globs import fixed
from corowatch.sources.tail import Tail
from corowatch.tables import table_file

MAX_BYTES = 4 << 20
"""Of a file; no config that people wrote is nearly as large."""
DEFAULT = "/etc/corowatch"
TESTS = ".test.yaml"
"""How files end that have tests of a config, and are none."""


def load_paths(paths: Sequence[str]) -> Config:
    """Load files and folders (`*.yaml`, in name order). Raises ConfigError with every mistake."""
    return load_texts(list(read_files(paths)))


def load_texts(files: Sequence[ConfigFile]) -> Config:
    """Load config texts. Raises ConfigError with every mistake."""
    config = load(files, at_hand(), function=inspect_function, secret=secret, table=table_file)
    mistakes = [*_loops(config), *_stdin_twice(config), *_chosen_by_logs(config)]
    if mistakes:
        lines = {file.name: file.text.split("\n") for file in files}
        raise ConfigError([mistake._replace(source=lines[mistake.place.file][mistake.place.line - 1])
                           for mistake in mistakes])
    folders = {file.name: file.folder for file in files}
    commands = [_anchored(use, folders[_where(use).file]) for use in commands_of(config)]
    return replace(config, sinks={**config.sinks, **{use.name: use for use in commands if isinstance(use, SinkUse)}},
                   steps={**config.steps, **{step.id: step for step in commands if isinstance(step, Step)}})


def read_files(paths: Sequence[str]) -> Iterator[ConfigFile]:
    """The texts of files and folders, each once, however it is named. Raises ConfigError where one cannot be read."""
    seen = set()
    for path in _files(paths):
        if (real := os.path.realpath(path)) in seen:
            continue
        seen.add(real)
        try:
            if path.stat().st_size > MAX_BYTES:
                raise _refused(str(path), f"is larger than {MAX_BYTES >> 20} MiB")
            text = path.read_bytes().decode()
        except OSError as error:
            raise _refused(str(path), f"cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            line = path.read_bytes().count(b"\n", 0, error.start) + 1
            raise ConfigError([Mistake(Place(str(path), line, 1), "is not UTF-8")]) from error
        yield ConfigFile(str(path), text, os.path.abspath(path.parent))


def configs_in(folder: str) -> list[Path]:
    """The files of a folder that are a config together, in the order of their names."""
    return sorted(path for path in Path(folder).glob("*.yaml") if not path.name.endswith(TESTS))


def _files(paths: Sequence[str]) -> Iterator[Path]:
    if not paths and not os.path.exists(DEFAULT):
        raise _refused(DEFAULT, "there is no such folder; name a config file, or make one there")
    for name in paths or [DEFAULT]:
        if not os.path.isdir(name):
            yield Path(name)
            continue
        files = configs_in(name)
        if not files:
            others = sorted(Path(name).glob("*.yml"))
            cure = f"; only *.yaml is read: rename {others[0].name} to {others[0].stem}.yaml" if others else ""
            raise _refused(name, f"no *.yaml file in this folder{cure}")
        yield from files


def _refused(name: str, why: str) -> ConfigError:
    return ConfigError([Mistake(Place(name), why)])


def _loops(config: Config) -> Iterator[Mistake]:
    """Sinks that write into a file that a flow of the same config reads: each alert would make the next."""
    for use in config.sinks.values():
        path = use.options.get("path")
        if use.kind.name != "file" or not isinstance(path, str):
            continue
        for step in config.steps.values():
            if step.kind.name == "tail" and _reads(step.options, path):
                yield Mistake(use.place, f"sink {use.name!r} writes into what {step.id} reads; move it out of the glob")


def _reads(options: Mapping[str, Any], path: str) -> bool:
    """Whether a source would find this path, or the file that it leads to, or by way of a link to its folder."""
    real = os.path.realpath(path)
    both = {name: (*options[name], *map(_resolved, options[name])) for name in ("paths", "exclude")}
    source = Tail(lambda block: None, **{**options, **both})  # type: ignore[arg-type]
    return source.matches(path) or source.matches(real)


def _resolved(pattern: str) -> str:
    """A glob with the folder that it begins with followed through links; of names alone as it is."""
    folder = fixed(pattern)[0] if "/" in pattern else ""
    return os.path.realpath(folder) + pattern.removeprefix(folder) if folder else pattern


def _stdin_twice(config: Config) -> Iterator[Mistake]:
    """Standard input read in two ways: each would get what the other did not."""
    steps = [step for step in config.steps.values() if step.kind.name == "stdin"]
    for step in steps[1:]:
        if step.options != (first := steps[0]).options:
            yield Mistake(step.place, f"standard input is read with other options by {first.id}, at {first.place}; it "
                          "can be read one way only")


def console() -> SinkUse:
    """The sink that is there without being declared, where no flow alerts it either."""
    kind = at_hand().sink[CONSOLE]
    return SinkUse(CONSOLE, kind, {name: option.default for name, option in kind.options.items()}, {}, Place("", 1, 1))


def commands_of(config: Config) -> list[SinkUse | Step]:
    """Those sinks and steps that run a command."""
    uses: list[SinkUse | Step] = [*config.sinks.values(), *config.steps.values()]
    return [use for use in uses if (argv := use.kind.options.get("argv")) and argv.hint == list[Text]]


def _where(use: SinkUse | Step) -> Place:
    """Where its command is written, or at least the step that runs it."""
    return use.places["argv"] if isinstance(use, SinkUse) else use.place


def _chosen_by_logs(config: Config) -> Iterator[Mistake]:
    """Commands whose program has a field in it."""
    for use in commands_of(config):
        program = use.options["argv"][0]
        if program.names:
            yield Mistake(_where(use), f"a log would choose the program {program.source!r}; write one that is "
                          "always the same, and fields in the words behind it")


def _anchored(use: SinkUse | Step, folder: str) -> SinkUse | Step:
    """The same with its program's path beginning at the config's folder, as every path in a config does."""
    program, *others = use.options["argv"]
    if "/" not in program.source or program.source.startswith("/"):
        return use
    path = os.path.normpath(os.path.join(folder.replace("{", "{{").replace("}", "}}"), program.source))
    return replace(use, options={**use.options, "argv": [Text(path), *others]})
