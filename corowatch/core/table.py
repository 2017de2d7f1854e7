"""What a file says: the rows that `lookup` asks, or what else a step reads of one, replaced whole while it runs.

A file of values has one in each line; a CSV file has a header, and its rows say more of the value in one column. The
outside reads the file and hands in its lines; nothing here opens one. A row costs two strings and a place in a
dictionary, which the garbage collector need not look at.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from corowatch.core.formats.names import LONGEST, field_name
from corowatch.core.text import many

Read = TypeVar("Read", bound="Content")
Read_co = TypeVar("Read_co", bound="Content", covariant=True)
MAX_ROWS = 1_000_000
_BETWEEN = "\0"
"""Stands between the cells of a row, for in a file it is refused."""


class Asked(msgspec.Struct, frozen=True):
    """How a file is asked: by which of its `columns` (none: its lines are values), and how values compare."""

    columns: tuple[str, ...] = ()
    key: str | None = None
    ignore_case: bool = False
    networks: bool = False

    @property
    def column(self) -> str:
        """The column in which it is looked up; of lines that are values, none."""
        return self.key if self.key is not None else "".join(self.columns[:1])

    @property
    def gives(self) -> tuple[str, ...]:
        """The fields that a row gives."""
        return tuple(field_name(name) for name in self.columns if name != self.column)

    def read(self, lines: Iterable[str]) -> Rows:
        """The rows of a file. Raises ValueError, saying which line is wrong."""
        return Rows(lines, self)


class Missing(ValueError):
    """There is no such file."""


class Content(Protocol):
    """What was read of a file."""

    noun: str
    """What one is called."""
    left_out: int
    """How many of its lines say nothing that can be used."""
    why: str
    """What is wrong with the first of them."""

    def __len__(self) -> int: ...


class Reading(Protocol[Read_co]):
    """How a file is read; equal ones read the same."""

    def read(self, lines: Iterable[str], /) -> Read_co:
        """What stands in these lines. Raises ValueError, saying which is wrong."""


class Table(Generic[Read]):
    """What stands in a file, as it is now: its `rows`."""

    def __init__(self, rows: Read) -> None:
        self.rows = rows


@dataclass(frozen=True)
class TableFile:
    """A file that can be looked up, as its first line tells.

    `columns` are those of the header as it is written, none where the lines are values. `open` reads the whole
    as a Reading says and gives the table, which the outside keeps as the file is; it raises ValueError with a sentence
    for the operator.
    """

    path: str
    columns: tuple[str, ...]
    open: Callable[[Any], Table[Any]] = field(compare=False, repr=False)


Line: TypeAlias = tuple[int, list[str]]
"""Its number, and what stands in it."""


class Rows:
    """The rows of a file: of several with one value, the first. A line that can be none is left out.

    Raises ValueError, saying what is wrong, where the file is none that could be asked, or has no other lines.
    """

    def __init__(self, lines: Iterable[str], asked: Asked) -> None:
        self.noun = "row" if asked.columns else "value"
        self._gives = asked.gives
        self._fold = asked.ignore_case
        self._networks = asked.networks
        self._rows: dict[str | int, str] = {}
        self.left_out = 0
        """How many lines can be no row."""
        self.why = ""
        """What is wrong with the first of them."""
        at, widths = asked.columns.index(asked.column) if asked.columns else 0, set()
        for number, cells in _rows(lines, asked.columns) if asked.columns else _values(lines):
            if asked.columns and len(cells) != len(asked.columns):
                has = f"{many(len(cells), 'column')} in line {number}"
                self._leave_out(f"{has}, and {len(asked.columns)} in its header")
                continue
            value = cells.pop(at)
            if not value:
                continue
            key: str | int = value.casefold() if asked.ignore_case else value
            if asked.networks:
                try:
                    version, width, key = _network(value)
                except ValueError:
                    self._leave_out(f"no address or network in line {number}, but {value!r}")
                    continue
                widths.add((version, width))
            if key not in self._rows:
                if len(self._rows) == MAX_ROWS:
                    raise ValueError(f"has more than {MAX_ROWS:,} rows")
                self._rows[key] = _BETWEEN.join(cells)
        if self.why and not self._rows:
            raise ValueError(f"has {self.why}")
        self._widths = sorted(widths, reverse=True)

    def _leave_out(self, why: str) -> None:
        self.left_out += 1
        self.why = self.why or why

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, value: str) -> Mapping[str, str] | None:
        """The fields that a value's row gives, those of empty cells left out; None if it has no row."""
        found = self._around(value) if self._networks else self._rows.get(value.casefold() if self._fold else value)
        if found is None:
            return None
        return {name: cell for name, cell in zip(self._gives, found.split(_BETWEEN), strict=False) if cell}

    def _around(self, value: str) -> str | None:
        """The row of the narrowest network in which an address lies."""
        try:
            address = ip_address(value)
        except ValueError:
            return None
        address = getattr(address, "ipv4_mapped", None) or address  # ::ffff:192.0.2.7 is 192.0.2.7
        for version, width in self._widths:
            if version == address.version:
                shift = address.max_prefixlen - width
                found = self._rows.get(_key(int(address) >> shift << shift, width, address))
                if found is not None:
                    return found
        return None


def columns_of(lines: Iterable[str]) -> tuple[str, ...]:
    """The columns that the first row of a CSV file names. Raises ValueError if they are none."""
    _, columns = next(_cells(lines), (0, []))
    if not any(columns):
        raise ValueError("has no header: its first line names the columns")
    if len(columns) == 1 and (other := next((char for char in ";\t|" if char in columns[0]), None)):
        raise ValueError(f"has {other!r} between its columns; a CSV has commas")
    seen: dict[str, str] = {}
    for at, name in enumerate(columns, 1):
        if not 0 < len(name) <= LONGEST:
            raise ValueError(f"has no name for column {at} that can be one: its first line names the columns")
        if (same := seen.get(field_name(name))) is not None:
            raise ValueError(f"has the columns {same!r} and {name!r}, which are one field")
        seen[field_name(name)] = name
    return tuple(columns)


def _cells(lines: Iterable[str]) -> Iterator[Line]:
    """The rows of a CSV file, blanks around their cells taken off; empty ones are none."""
    reader = csv.reader(texts(lines), strict=True, skipinitialspace=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise ValueError(f"is no CSV: line {reader.line_num}: {error}") from None


def _rows(lines: Iterable[str], columns: tuple[str, ...]) -> Iterator[Line]:
    rows = _cells(lines)
    if tuple(next(rows, (0, []))[1]) != columns:
        raise ValueError("has other columns than before; a reload of the config takes them")
    yield from rows


def _values(lines: Iterable[str]) -> Iterator[Line]:
    """The values of a file, one a line; `#` at the beginning or after a blank begins a comment."""
    for number, line in enumerate(texts(lines), 1):
        text = line.strip()
        if "#" in text:
            text = "" if text[0] == "#" else text.replace("\t#", " #").partition(" #")[0].rstrip()
        yield number, [text]


def texts(lines: Iterable[str]) -> Iterator[str]:
    """The lines. Raises ValueError where they are none of a text."""
    for number, line in enumerate(lines, 1):
        if _BETWEEN in line:
            raise ValueError(f"is no text in UTF-8: there is a NUL in line {number}")
        yield line


def _network(text: str) -> tuple[int, int, int]:
    """Version, width and key of a network or an address. Raises ValueError if it is none."""
    network = ip_network(text, strict=False)
    address, width = network.network_address, network.prefixlen
    if width >= 96 and (mapped := getattr(address, "ipv4_mapped", None)):  # as an address is that is looked up
        address, width = mapped, width - 96
    return address.version, width, _key(int(address), width, address)


def _key(number: int, width: int, address: IPv4Address | IPv6Address) -> int:
    return number << 9 | width << 1 | (address.version == 6)
