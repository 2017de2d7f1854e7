"""From a pattern to its gate: an expression of bytes that a scanner may look for in many lines at once.

The gate is provably wide enough: in each line that the pattern matches, as it is shown, the gate has a match whose last
byte stands in that line, its newline included. It may match in more lines, so what it names is looked at again.

- What may be left out at either end is cut, so that a match is reported once and not once a byte.
- `^` is the newline before the line, and `$` the one after it: the first line of all has no newline before it, and must
  be passed unseen by who uses a gate that is `anchored`. Elsewhere than at the edges they have no gate.
- A character outside ASCII is any sequence of two to four bytes of the right shape.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence

import msgspec

from corowatch.core.pattern import Pattern
from corowatch.engines.syntax import ANY, NOTHING, Alt, Cat, Chars, Edge, Node, NotRead, Repeat, read

_SHAPES = r"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
_BEYOND = frozenset(range(128, 256))
FEW = 4
"""Characters that may be looked for alone."""
TWINS = 2
"""Characters of which one stands at a place of a text: a letter, small or large."""
CHOICES = 500
"""Of a choice, at most so many expressions: of one gate, the scanner compiles twice as many in four times the time."""
RARE, WORD = 6, 4
"""From what on a text is taken to be rare; characters of one kind beyond so many make it no rarer."""
_LONG = re.compile(rf"((.)\2{{{WORD - 1}}})\2+")
_ENDS = re.compile(rf"(?:-+a{{1,{WORD - 1}}})+-*$")
_NEVER = frozenset((0xff,))
_LONGEST = 4
"""Bytes of a character, at most."""


class NoGate(ValueError):
    """No gate can be proven for this pattern; the text says why."""


class Scannable(msgspec.Struct, frozen=True):
    """A gate: one of the expressions in `wide` is found in the line, and one of `narrow` in a line of ASCII alone. Of a
    choice of not too many there is each, for as one it is compiled ten times as slowly, and to the same.

    `exact`: a line of ASCII in which one of `narrow` is found is one that the pattern matches, unless it ends with a
    CR, which is not shown. `by_part`: it is that of a part of the pattern.
    """

    wide: tuple[str, ...]
    narrow: tuple[str, ...]
    anchored: bool
    exact: bool
    by_part: bool = False

    def expressions(self, *, wide: bool) -> list[bytes]:
        """As the scanner takes them."""
        return [one.encode() for one in (self.wide if wide else self.narrow)]


def gate_of(pattern: Pattern, *, by_part: bool = False, joined: bool = False) -> Scannable:
    """The gate of a pattern. Raises NoGate.

    `joined`: of one that sees records of several lines, in one of which each match ends.
    `by_part`: that of a text which each match holds, if one is likely to be rare. A scanner that is looking for
    `connection.*XK-27` stops at each `connection`; for `XK-27` it need not. And texts alone are compiled at once: a
    thousand in some 15 ms, where with a set of characters or a choice at either end each takes half a millisecond.
    """
    if not pattern.linear:
        raise NoGate(pattern.why)
    try:
        return _gate(pattern.expression, by_part=by_part, joined=joined)
    except NotRead as error:
        raise NoGate(f"{error} is not known to the scanner") from None
    except RecursionError:
        raise NoGate("it is nested too deeply") from None


@functools.lru_cache(4096)
def _gate(expression: str, *, by_part: bool, joined: bool) -> Scannable:
    whole = read(expression, joined=joined)
    tree = _without_head(_without_tail(whole))
    if not _seen(tree):
        raise NoGate("it may match an empty text")
    if isinstance(tree, Chars) and (tree.wide or len(tree.bytes) > FEW):
        raise NoGate("it looks for one character of many, which stand in nearly every line")
    leaves = _leaves(tree)
    if by_part and (part := _rarest(tree)) != tree:
        if Edge("^") in leaves or Edge("$") in leaves:  # it may stand where the whole has no gate
            _written(tree, wide=False, first=True, last=True)
        return Scannable(*_both(part), Edge("^") in _leaves(part), exact=False, by_part=True)
    anchored = Edge("^") in leaves
    parts = _leaves(whole)
    # What is cut beside an edge may be what the edge needs: `a[bc]*\b` is not in every line that `a` is in.
    cut_at_edge = tree != whole and any(isinstance(part, Edge) for part in parts)
    vague = any(isinstance(part, Chars) and part.vague for part in parts)
    return Scannable(*_both(tree), anchored, exact=not (anchored or cut_at_edge or vague or joined))


def _both(tree: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The expressions of a tree for any line and for lines of ASCII alone."""
    choices = list(_choice(tree))
    if len(choices) > CHOICES:
        choices = [tree]
    narrow = tuple(_written(each, wide=False, first=True, last=True) for each in choices)
    if not any(isinstance(leaf, Chars) and leaf.wide for leaf in _leaves(tree)):
        return narrow, narrow
    return tuple(_written(each, wide=True, first=True, last=True) for each in choices), narrow


def _choice(node: Node) -> Iterator[Node]:
    """What a tree is a choice of."""
    for part in node.parts if isinstance(node, Alt) else ():
        yield from _choice(part)
    if not isinstance(node, Alt):
        yield node


def at_start(pattern: Pattern) -> bytes | None:
    """An expression of the standard library's `re` that matches at the start of those lines of ASCII in which a pattern
    with a `^` before all else does; None where there is none, or where it might take more than linear time."""
    try:
        tree = read(pattern.expression) if pattern.linear else NOTHING
        if not isinstance(tree, Cat) or tree.parts[:1] != (Edge("^"),) or _choices(tree) > 1:
            return None
        if any(isinstance(part, Chars) and part.vague for part in _leaves(tree)):
            return None
        return _written(Cat(tree.parts[1:]), wide=False, first=False, last=False).encode()
    except (NotRead, NoGate, RecursionError):
        return None


def _choices(node: Node) -> int:
    """How many repeats of a tree may be of one length or another. One of more than characters counts as two, for
    it may be read in many ways, and a search that tries each takes exponential time."""
    match node:
        case Cat(parts) | Alt(parts):
            return sum(map(_choices, parts))
        case Repeat(part, least, most):
            one_way = isinstance(part, Chars) or (
                isinstance(part, Cat) and all(isinstance(each, Chars) for each in part.parts))
            return int(least != most) if one_way else 2
    return 0


# --- cutting ------------------------------------------------------------------------------------------


def _without_tail(node: Node) -> Node:
    """Every text of `node` begins with one of this: what may be left out at the end is gone."""
    match node:
        case Cat(parts):
            return _cut_parts(parts)
        case Alt(parts):
            cut = tuple(_without_tail(part) for part in parts)
            return NOTHING if NOTHING in cut else Alt(cut)
        case Repeat(part, least):
            return _joined(_times(part, least - 1), _without_tail(part)) if least else NOTHING
    return node


def _cut_parts(parts: tuple[Node, ...]) -> Node:
    kept = list(parts)
    while kept:
        if kept[-1] == Edge("$"):
            if len(kept) > 1 and kept[-2] == Repeat(ANY, 0, None):  # to the end: what stands there does not matter
                del kept[-2:]
                continue
            break
        edges = len(kept)
        while edges and kept[edges - 1] in (Edge("b"), Edge("B")):
            edges -= 1
        if not edges:
            return NOTHING
        cut = _without_tail(kept[edges - 1])
        if cut == kept[edges - 1]:
            break
        kept[edges - 1:] = [] if cut == NOTHING else [cut]  # its end is not where it was, so no edge is there
        if cut != NOTHING:
            break
    return _joined(*kept)


def _without_head(node: Node) -> Node:
    """Every text of `node` ends with one of this: what may be left out at the beginning is gone."""
    if isinstance(node, Cat) and node.parts and isinstance(node.parts[0], Chars):  # nothing may, as of most
        return node
    return _mirrored(_without_tail(_mirrored(node)))


def _mirrored(node: Node) -> Node:
    """The texts of `node` read from right to left."""
    match node:
        case Cat(parts):
            return Cat(tuple(part if isinstance(part, Chars) else _mirrored(part) for part in reversed(parts)))
        case Alt(parts):
            return Alt(tuple(_mirrored(part) for part in parts))
        case Repeat(part, least, most):
            return Repeat(_mirrored(part), least, most)
        case Edge("^"):
            return Edge("$")
        case Edge("$"):
            return Edge("^")
    return node


def _times(node: Node, count: int) -> Node:
    return NOTHING if not count else node if count == 1 else Repeat(node, count, count)


def _joined(*nodes: Node) -> Node:
    flat: list[Node] = []
    for node in nodes:
        flat += node.parts if isinstance(node, Cat) else (node,)
    return flat[0] if len(flat) == 1 else Cat(tuple(flat))


# --- choosing -----------------------------------------------------------------------------------------


def _rarest(node: Node) -> Node:
    """A text that each text of `node` holds and that is likely to be rare; `node` itself if there is none."""
    match node:
        case Alt(parts):
            return Alt(tuple(map(_rarest, parts)))
        case Cat(parts):
            kinds, text = max(_texts(parts), key=lambda one: _rarity(one[0]), default=("", ()))
            return _joined(*text) if _rarity(kinds) >= RARE else node
    return node


def _texts(parts: tuple[Node, ...]) -> Iterator[tuple[str, Sequence[Chars]]]:
    """What stands together that is one character or another, as where case is folded, and of which kind each is.

    Short words at the end are left out: the scanner looks for the last bytes of a text first, and such words as `at`
    and `for` are in every other line.
    """
    text: list[Chars] = []
    for part in (*parts, None):
        if isinstance(part, Chars) and 0 < len(part.bytes) <= TWINS:
            text.append(part)
        elif text:
            kinds = _ENDS.sub("", "".join([_kind(one.bytes) for one in text]))
            yield kinds, text[:len(kinds)]
            text = []


def _rarity(kinds: str) -> int:
    """How unlikely a text is: long words are as common as short ones, but not what goes on behind a word, and not a
    change from small letters to capitals, digits or punctuation."""
    return len(_LONG.sub(r"\1", kinds))


@functools.cache
def _kind(among: frozenset[int]) -> str:
    """What sort of characters these are."""
    char = chr(max(among))
    return "a" if char.islower() else "A" if char.isupper() else "0" if char.isdigit() else "-"


# --- proving ------------------------------------------------------------------------------------------


def _seen(node: Node) -> bool:
    """Whether each match has a last byte in its line: a character, or the newline that ends it."""
    match node:
        case Cat(parts):
            return any(map(_seen, parts))
        case Alt(parts):
            return all(map(_seen, parts))
        case Repeat(part, least):
            return least > 0 and _seen(part)
        case Edge(kind):
            return kind == "$"
    return True


def _leaves(node: Node) -> list[Chars | Edge]:
    """The sets of characters and the edges that a tree is made of."""
    match node:
        case Cat(parts) | Alt(parts):
            leaves: list[Chars | Edge] = []
            for part in parts:
                if isinstance(part, Chars):  # most are
                    leaves.append(part)
                else:
                    leaves += _leaves(part)
            return leaves
        case Repeat(part):
            return _leaves(part)
    return [node]


# --- writing ------------------------------------------------------------------------------------------


def _written(node: Node, *, wide: bool, first: bool, last: bool) -> str:
    """The expression of a tree. `first` and `last`: nothing stands before it, or behind."""
    match node:
        case Chars(among, False):
            return _set(among)
        case Cat(parts):
            end = len(parts) - 1
            return "".join(_written(part, wide=wide, first=first and at == 0, last=last and at == end)
                           for at, part in enumerate(parts))
        case Alt(parts):
            return "(?:" + "|".join(_written(part, wide=wide, first=first, last=last) for part in parts) + ")"
        case Repeat(Chars(among, True), least, most) if wide:
            many = "" if most is None else most * _LONGEST
            return f"{_set(among | _BEYOND)}{{{least},{many}}}"
        case Repeat(part, least, most):
            alone = (least, most) == (1, 1)
            inner = _written(part, wide=wide, first=first and alone, last=last and alone)
            return f"(?:{inner}){{{least},{'' if most is None else most}}}"
        case Edge("^"):
            if not first:
                raise NoGate("`^` stands behind something")
            return r"\n"
        case Edge("$"):
            if not last:
                raise NoGate("something stands behind `$`")
            return r"\r?\n"
        case Edge(kind):
            return rf"\{kind}"
        case Chars(among, True) if wide and (first or last):  # at an edge one of its bytes is enough
            return _set(among | _BEYOND)
        case Chars(among, True) if wide:
            return f"(?:{_set(among)}|{_SHAPES})"
    return _set(node.bytes)


@functools.cache
def _set(among: frozenset[int]) -> str:
    """A set of bytes, each written by its number; a range where they follow on each other.

    For none of them stands one that is never a byte of UTF-8.
    """
    among = among or _NEVER
    ranges: list[tuple[int, int]] = []
    for byte in sorted(among):
        if ranges and ranges[-1][1] == byte - 1:
            ranges[-1] = ranges[-1][0], byte
        else:
            ranges.append((byte, byte))
    if len(among) == 1:
        return rf"\x{ranges[0][0]:02x}"
    return "[" + "".join(rf"\x{low:02x}" if low == high else rf"\x{low:02x}-\x{high:02x}" for low, high in ranges) + "]"
