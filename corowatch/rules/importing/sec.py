"""SEC, the Simple Event Correlator: rules, with the actions that tell, run a command or make a context. Source: sec(1).

A line belongs to the first rule of a file that matches it, unless `continue` says otherwise; so each rule is a flow
whose `grep` leaves out what a rule before it takes. What makes an operation of SEC's one of its own, the text of
`desc`, is the field `desc` here, and its key. A context is a flag. Not as there are two things: a rule of which the
context does not hold, or the second pattern of a pair, takes no line from the rules behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import msgspec

from corowatch.core.clock import Cron
from corowatch.core.errors import Place
from corowatch.rules.importing import NOTHING, Asked, Flow, Import, Step, known_options, lines_of, one_or_list, seconds
from corowatch.rules.importing.commands import command, once, piped
from corowatch.rules.importing.naming import name_of
from corowatch.rules.importing.perl_regex import Refused, count_groups, numbers_in, translated
from corowatch.rules.importing.python_regex import printable

LOG = "/var/log/syslog"
MARK = "\ufdd0"
"""A character that no text has: what encloses a place in a pattern while that is translated."""
SHARED = ("SEC hides a line that it takes from the rules behind it; here they see it, too, and may tell of it once "
          "more. If they do, give their flows ")
"""How a loss begins that makes rules behind one tell more."""
_CONTRARY = {"when": "unless", "unless": "when"}
_KEYWORD = re.compile(r"\s*([A-Za-z0-9]+)\s*=\s*(.*)$")
_PTYPE = re.compile(r"(N?)(RegExp|SubStr)(\d*)", re.IGNORECASE)
_TEXT = re.compile(r"\$(?P<dollar>\$)|\$(?:\{(?P<braced>\d+)\}|(?P<number>\d+))|\$\+\{(?P<name>\w+)\}|%(?P<percent>%)"
                   r"|%(?P<earlier>\d+)|%(?P<known>[stu])(?!\w)|(?P<other>%(?:\{[^}]*\}|\.?[A-Za-z]\w*)|\$[?@])|[{}]")
_OF_DESC = re.compile(r"%%|(?P<desc>%s(?!\w))")
_SCRIPT = re.compile(r"%%|\$\$(?=\{?[A-Za-z(])|(?P<other>%(?:\{[^}]*\}?|\.?\w+)"
                     r"|\$(?:\$\S?|\+\{\w*\}?|_(?!\w)|[?*@&+]))")
# A subject of which a shell makes another, such as "on $(hostname)", is none of these.
_MAIL = re.compile(r"\S*\bmailx?\s+-s\s*(?:\"((?:[^\"`$\\]|\$(?:\{?\d|\+\{))*)\"|'([^']*)'|((?:[^\s`$\\]|\$\{?\d)+))"
                   r"\s+(\S+@\S+)\s*")
_CONTEXT = re.compile(r"\s*(!*)\s*([^\s()!&|,;]+)\s*")
WINDOW = ("SEC counts anew when the window of the first event is over; here a key is silent for as long after it "
          "fired, and a variable that is not in desc tells of the last event, not of the first")
_CORRELATED = {"singlewithsuppress", "singlewiththreshold", "singlewith2thresholds", "pair", "pairwithwindow"}
_STORES = {"add", "prepend", "report", "copy", "empty", "pop", "shift", "fill", "cmdexec", "getsize"}
_UNTOLD = {
    **dict.fromkeys(_STORES, "contexts hold no events here; a step `collect` gathers them"),
    **dict.fromkeys(("event", "tevent", "cevent", "cspawn", "spawn"), "no event is made; take `from:` a flow instead"),
    **dict.fromkeys(("reset", "getwpos", "setwpos"), "windows are not moved from outside"),
    **dict.fromkeys(("assign", "assignsq", "free", "eval", "call", "lcall", "rewrite", "while", "if"),
                    "rules have no variables and no programs here; a `python` step may do it"),
    **dict.fromkeys(("udgram", "ustream", "udpsock", "tcpsock", "owritecl", "closef", "closeudgr", "closeustr",
                     "closeudp", "closetcp"), "there is no sink for sockets; `exec` of logger(1) may do it"),
}


class Rule(msgspec.Struct):
    """A rule's keywords with their places, in lower case."""

    place: Place
    given: dict[str, tuple[str, Place]] = msgspec.field(default_factory=dict)

    def get(self, key: str, otherwise: str = "") -> str:
        return self.given.get(key, (otherwise, self.place))[0]

    def place_of(self, key: str) -> Place:
        return self.given.get(key, ("", self.place))[1]

    @property
    def kind(self) -> str:
        return self.get("type")


class Before(msgspec.Struct):
    """What the rules before take: lines that match one of `taken`, and those that do not match one of `left`."""

    taken: list[str] = msgspec.field(default_factory=list)
    left: list[str] = msgspec.field(default_factory=list)
    behind: int = 0
    """How many rules are still to come."""


def read(files: Sequence[str], asked: Asked = NOTHING) -> Import:
    """Import files of rules, each a set of its own. Raises ConfigError where one cannot be read, WrongOption
    where options are asked for: there are none."""
    known_options(asked)
    imported = Import()
    source = Step("tail", one_or_list(asked.logs or [LOG]))
    ruled = [list(_rules(imported, path)) for path in files]
    origins: dict[str, Rule] = {}
    made = {name for rules in ruled for rule in rules for name in _made(rule)}
    for rules in ruled:
        before = Before()
        for number, rule in enumerate(rules, 1):
            before.behind = len(rules) - number
            first = len(imported.flows)
            try:
                _Writer(imported, rule, source, before, made).write()
            except ValueError as error:
                imported.lose(rule.place, f"the rule of type {rule.kind}", str(error))
            origins.update({flow.name: rule for flow in imported.flows[first:]})
    _without_contexts(imported, origins)
    return imported


def _without_contexts(imported: Import, origins: Mapping[str, Rule]) -> None:
    """Take away what waits for a context of which the rule that makes it was lost."""
    while True:
        flags = {step.value["name"] for flow in imported.flows for step in flow.steps if step.kind == "flag"}
        vain = {id(origins[flow.name]) for flow in imported.flows for step in flow.steps
                if step.kind in ("when", "unless", "unflag") and step.value["flag"] not in flags}
        if not vain:
            return
        for flow in [flow for flow in imported.flows if id(origins[flow.name]) in vain]:
            rule = origins[flow.name]
            imported.flows.remove(flow)
            imported.lose(rule.place, f"the rule of type {rule.kind}", "the rule that makes its context is lost")


def _rules(imported: Import, path: str) -> Iterator[Rule]:
    """The rules of a file: keywords up to a blank line, a comment, or the next `type`. Raises ConfigError."""
    lines = lines_of(path)
    rule: Rule | None = None
    while lines:
        number, text = lines.pop(0)
        while text.endswith("\\") and lines:
            text = text[:-1] + lines.pop(0)[1]
        found = _KEYWORD.match(text)
        blank = not text.strip() or text.lstrip().startswith("#")
        if rule is not None and (blank or (found and found[1].lower() == "type")):
            yield rule
            rule = None
        if blank:
            continue
        place = Place(path, number, len(text) - len(text.lstrip()) + 1)
        if found is None:
            imported.lose(place, text.strip(), "it is no `keyword=value`")
            continue
        rule = rule or Rule(place)
        rule.given[found[1].lower()] = (found[2].strip(), place)
    if rule is not None:
        yield rule


def _made(rule: Rule) -> Iterator[str]:
    """The contexts that a rule makes, without the parts that differ."""
    for key, (value, _) in rule.given.items():
        if key.startswith("action"):
            for words in _actions(value):
                if words[0] in ("create", "set", "obsolete") and len(words) > 1:
                    with suppress(Refused):
                        yield _flag(words[1])[0]


def _actions(text: str) -> Iterator[list[str]]:
    """Actions as words: a name, and the rest in up to two parts. A list in parentheses stays together."""
    depth = 0
    piece = ""
    for char in [*text, ";"]:
        depth += (char == "(") - (char == ")")
        if char == ";" and depth <= 0:
            if words := piece.split(None, 2):
                yield [words[0].lower(), *words[1:]]
            piece, depth = "", 0
        else:
            piece += char


def _bare(text: str) -> str:
    """A text of an action without the parentheses around it, which let it have semicolons."""
    text = text.strip()
    return text[1:-1] if text[:1] + text[-1:] == "()" else text


def _flag(name: str) -> tuple[str, list[int], bool]:
    """Of a context: the flag's name, the numbers of the groups that make its key, and whether `%s` is in the key."""
    numbers = [int(one[0] or one[1]) for one in re.findall(r"\$(?:\{(\d+)\}|(\d+))", name)]
    if other := re.search(r"%(?!s)\S*|\$(?!\{?\d)\S*", name):
        raise Refused(f"the context's name holds {other[0]}")
    flag = re.sub(r"\$(?:\{\d+\}|\d+)|%s", "", name)
    return re.sub(r"[^A-Za-z0-9_-]+", "-", flag).strip("-_").lower() or "context", numbers, "%s" in name


class _Writer:
    """Writes the flows of one rule."""

    def __init__(self, imported: Import, rule: Rule, source: Step, before: Before, made: set[str]) -> None:
        self._imported, self._rule, self._source, self._before, self._made = imported, rule, source, before, made
        self._name = name_of(rule.get("desc"), rule.get("pattern"), rule.kind)
        self._desc = self._told = rule.get("desc", "$0")
        """What names an operation of the rule, and what `%s` stands for: in a list of actions its own `desc2`."""
        self._second = "g"
        """The prefix of groups that `$1` means: h, behind the second pattern of a pair."""
        self._there: set[str] = set()
        """The groups that patterns of the rule capture. Any other is an empty text, as it is there."""

    def write(self) -> None:
        rule, kind = self._rule, self._rule.kind.lower()
        self._of = f"{rule.kind} {rule.get('desc')}"
        if kind == "calendar":
            self._calendar()
        elif kind == "suppress":
            pattern, negated = self._pattern("")
            if rule.get("context"):
                raise Refused("a context decides which lines it takes; they go to the rules behind it")
            (self._before.left if negated else self._before.taken).append(pattern)
        elif re.fullmatch(r"eventgroup\d*", kind):
            self._group()
        elif kind in ("single", "singlewithscript", *_CORRELATED):
            self._matching(kind)
        else:
            raise Refused({"jump": "files of rules do not call each other; take `from:` a flow instead",
                           "options": "there are no sets of rules"}.get(kind, "there is no such type"))

    # --- lines ----------------------------------------------------------------------------------------

    def _pattern(self, which: str, wanted: Sequence[int] = (), prefix: str = "g") -> tuple[str, bool]:
        """A pattern of the rule, and whether lines that do not match it are meant."""
        ptype, text = self._rule.get(f"ptype{which}"), self._rule.get(f"pattern{which}")
        if ptype.lower() == "tvalue":
            if text.lower() == "false":
                raise Refused("it never matches")
            return "^", False
        found = _PTYPE.fullmatch(ptype)
        if found is None:
            raise Refused(f"ptype {ptype}: it is decided by Perl" if ptype else f"it has no ptype{which}")
        if found[3] not in ("", "1"):
            raise Refused(f"ptype {ptype}: it is looked for in several lines; `multiline` may join them")
        if found[2].lower() == "substr":
            plain = re.sub(r"\\([trns0\\])", lambda one: {"t": "\t", "s": " ", "\\": "\\"}.get(one[1], one[0]), text)
            return printable(re.escape(plain)) or "^", bool(found[1])
        there = [] if found[1] else [number for number in wanted if number <= count_groups(text)]
        self._there |= {f"{prefix}{number}" for number in there}
        return translated(text, wanted=there, prefix=prefix) or "^", bool(found[1])

    def _lines(self, wanted: Sequence[int]) -> list[Step]:
        """From the log to lines that are this rule's."""
        pattern, negated = self._pattern("", wanted)
        before = self._before
        taken = [*before.taken, *([pattern] if negated else [])]
        options: dict[str, object] = {"pattern": "^" if negated else pattern}
        if taken:
            options["except"] = one_or_list(taken)
        steps = [self._source, *(Step("grep", one) for one in before.left), Step("grep", options)]
        context = self._context()
        if context is None:
            raise Refused(f"the context {self._rule.get('context')!r} is more than names that are, or are not")
        if self._ends(""):
            if not context:
                (before.left if negated else before.taken).append(self._pattern("")[0])
            elif before.behind:
                self._imported.lose(self._rule.place_of("context"), f"context={self._rule.get('context')}",
                                    f"{SHARED}`{_CONTRARY[context[-1].kind]}` with the same flag")
        return [*steps, *context]

    def _ends(self, which: str) -> bool:
        """Whether a line that matches goes no further."""
        after = self._rule.get(f"continue{which}", "dontcont").lower()
        if after not in ("dontcont", "takenext"):
            raise Refused(f"continue{which}={after}: there are no labels; take `from:` a flow instead")
        return after == "dontcont"

    def _but_for_taken(self, patterns: Sequence[str]) -> list[Step]:
        """Before a step that looks for several patterns: leave out what rules before take."""
        before = self._before
        steps = [Step("grep", one) for one in before.left]
        if before.taken:
            steps.append(Step("grep", {"pattern": one_or_list(patterns), "except": one_or_list(before.taken)}))
        return steps

    def _context(self) -> list[Step] | None:
        """The steps that ask for contexts, one behind the other; None where it is more than that."""
        text = self._rule.get("context").strip().removeprefix("[").removesuffix("]")
        steps = []
        for part in text.split("&&") if text else ():
            found = _CONTEXT.fullmatch(part)
            if found is None:
                return None
            flag, numbers, by_desc = _flag(found[2])
            if flag not in self._made:
                raise Refused(f"no rule makes the context {found[2]}")
            options = {"flag": flag, **self._by(numbers, by_desc)}
            steps += self._with_desc(by_desc)
            steps.append(Step("unless" if len(found[1]) % 2 else "when", options))
        return steps

    def _by(self, numbers: Sequence[int], by_desc: bool) -> dict[str, object]:
        if missing := [number for number in numbers if f"g{number}" not in self._there]:
            raise Refused(f"the context's name holds ${missing[0]}, and the pattern has no such group")
        fields = [*(f"g{number}" for number in numbers), *(["desc"] if by_desc else [])]
        return {"by": one_or_list(fields)} if fields else {}

    def _with_desc(self, needed: bool) -> list[Step]:
        return [Step("set", {"desc": self._text(self._desc)})] if needed else []

    def _wanted(self) -> list[int]:
        """The numbers of the groups of the first pattern that something names."""
        texts = [value.replace("%", "$") if key.endswith("2") else value for key, (value, _) in self._rule.given.items()
                 if key in ("desc", "action", "context", "script", "pattern2", "desc2", "action2")]
        if self._rule.kind.lower() in ("pair", "pairwithwindow"):
            second = [self._rule.get(key) for key in ("action2", "desc2")]
            texts = [text for text in texts if text not in [one.replace("%", "$") for one in second]]
            texts += [f"${number}" for one in second for number in re.findall(r"%(\d+)", one)]
        return sorted(numbers_in(*texts))

    # --- what is told ---------------------------------------------------------------------------------

    def _text(self, text: str) -> str:
        """A text of SEC's with fields in it. Raises Refused where it names what there is not."""

        def piece(found: re.Match[str]) -> str:
            number = found["braced"] or found["number"]
            if found["dollar"] or found["percent"]:
                return found["dollar"] or found["percent"]
            if number:
                return self._field(f"{self._second}{int(number)}") if int(number) else "{text}"
            if found["earlier"]:
                return self._field(f"g{int(found['earlier'])}")
            if found["name"]:
                return f"{{{found['name']}}}"
            if found["known"]:
                return "{at}" if found["known"] != "s" else self._of_desc()
            if found["other"]:
                raise Refused(f"it names {found['other']}, and variables are not carried over")
            return found[0] * 2

        return _TEXT.sub(piece, text.strip())

    def _of_desc(self) -> str:
        """What `%s` stands for."""
        try:
            return self._text(self._told)
        except Refused as error:
            raise Refused(f"%s stands for the desc of the rule: {error}") from error

    def _field(self, name: str) -> str:
        return f"{{{name}}}" if name in self._there else ""

    def _done(self, key: str) -> tuple[list[Step], list[tuple[list[Step], Mapping[str, object]]]]:
        """Of a list of actions, the steps that make contexts or end them, and the ways of telling."""
        steps: list[Step] = []
        ways: dict[tuple[str, str], list[str]] = {}
        self._told = self._rule.get(key.replace("action", "desc"), self._desc)
        for words in _actions(self._rule.get(key, "none")):
            try:
                told = self._action(words, steps)
            except ValueError as error:
                self._imported.lose(self._rule.place_of(key), " ".join(words), str(error))
                continue
            if told:
                sink, title, severity = told
                ways.setdefault((title, severity), []).append(sink)
        return steps, [([], {"to": one_or_list(list(dict.fromkeys(sinks))), "title": title, "severity": severity})
                       for (title, severity), sinks in ways.items()]

    def _action(self, words: list[str], steps: list[Step]) -> tuple[str, str, str] | None:
        """A sink, a title and a severity; or a step more, and nothing to tell. Raises Refused."""
        name, first, rest = [*words, "", ""][:3]
        add = self._imported.sink_name
        if name == "none":
            return None
        if name in ("create", "set"):
            self._create(first, rest, steps)
            if name == "set":
                self._imported.lose(self._rule.place_of("action"), " ".join(words[:2]),
                                    "in SEC it changes a context that is there; here it makes one, too")
            return None
        if name in ("delete", "obsolete"):
            flag, numbers, by_desc = _flag(first)
            if flag not in self._made:
                raise Refused(f"no rule makes the context {first}")
            steps += [*self._with_desc(by_desc), Step("unflag", {"flag": flag, **self._by(numbers, by_desc)})]
            return None
        if name in ("logonly", "lognolf"):
            return "console", self._text(_bare(f"{first} {rest}") or "%s"), "info"
        if name in ("write", "writen"):
            title = self._text(_bare(rest) or "%s")
            if first == "-":
                return "console", title, "warning"
            if not first or re.search(r"[$%*?\[\x00-\x1f]", first):
                raise Refused("the name of a file is fixed here")
            self._imported.lose(self._rule.place_of("action"), " ".join(words[:2]), "alerts are written to it as JSON")
            return add("file", {"file": first}), title, "warning"
        if name in ("shellcmd", "spawn", "cmdexec"):
            text = _OF_DESC.sub(lambda found: self._told if found["desc"] else found[0], _bare(f"{first} {rest}"))
            return add("shell", {"exec": once(command(text, self._text, self._script))}), self._text("%s"), "warning"
        if name == "pipe":
            return self._pipe(f"{first} {rest}")
        raise Refused(_UNTOLD.get(name, "there is no such action"))

    def _pipe(self, text: str) -> tuple[str, str, str]:
        found = re.fullmatch(r"\s*'(.*?)'\s*(.*)", text)
        if found is None:
            raise Refused("it has no text in single quotes")
        title = self._text(found[1] or "%s")
        if mail := _MAIL.fullmatch(found[2]):
            subject = next(one for one in mail.groups()[:3] if one is not None)
            return self._imported.sink_name("mail", {"email": {"to": mail[4]}}), self._text(subject), "warning"
        if not found[2]:
            return "console", title, "warning"
        return self._imported.sink_name("pipe", {
            "exec": once(piped(found[2], self._text, self._script, "{title}"))}), title, "warning"

    @staticmethod
    def _script(text: str) -> str:
        """A command for a shell, with `$1` and `$0` for what it is to be given. Raises Refused where it names other
        things, or what a shell would take for such a name."""

        def piece(found: re.Match[str]) -> str:
            if found["other"]:
                raise Refused(f"the command names {found[0]}; a shell is given the line and groups by their numbers, "
                              "such as $1, and nothing else")
            return found[0][0]

        return _SCRIPT.sub(piece, text)

    def _create(self, name: str, rest: str, steps: list[Step]) -> None:
        flag, numbers, by_desc = _flag(name)
        life = rest.split(None, 1)[0] if rest else "0"
        if not life.isdigit():
            life, rest = "0", f"0 {rest}" if rest else ""
        if "(" in rest or len(rest.split(None, 1)) > 1:
            self._imported.lose(self._rule.place_of("action"), f"what is done when the context {name} ends",
                                "a flag ends in silence; `absence` or `pair` tell of an end")
        options: dict[str, object] = {"name": flag, **self._by(numbers, by_desc)}
        if int(life):
            options["for"] = seconds(int(life))
        steps += [*self._with_desc(by_desc), Step("flag", options)]

    # --- types ----------------------------------------------------------------------------------------

    def _window(self, key: str = "window") -> int:
        text = self._rule.get(key, "0")
        if not text.isdigit():
            raise Refused(f"{key}={text} is no number of seconds")
        return int(text)

    def _keyed(self) -> list[Step]:
        return [Step("set", {"desc": self._text(self._desc)})]

    def _matching(self, kind: str) -> None:
        """A rule that lines match."""
        rule = self._rule
        if kind in ("pair", "pairwithwindow"):
            self._pair(kind)
            return
        steps = self._lines(self._wanted())
        window = self._window() if kind in _CORRELATED else 0
        if kind in _CORRELATED and window < 1:
            raise Refused("it has no window")
        if kind == "singlewithsuppress":
            steps += [*self._keyed(), Step("dedupe", {"within": seconds(window), "of": "desc"})]
        elif kind in ("singlewiththreshold", "singlewith2thresholds"):
            least = int(rule.get("thresh", "1"))
            options: dict[str, object] = {"at_least": least, "within": seconds(window), "by": "desc"}
            if kind == "singlewith2thresholds":
                most = int(rule.get("thresh2", "0"))
                options["calm"] = seconds(self._window("window2"))
                if most:
                    options["at_most"] = most
            elif rule.get("action2"):
                self._lose_action("action2", "what is done when the window is over is left out; `calm` tells that")
            steps += [*self._keyed(), Step("threshold", options)]
            self._imported.lose(rule.place_of("window"), f"window={rule.get('window')}", WINDOW)
        elif kind == "singlewithscript":
            steps.append(Step("check", {"argv": command(rule.get("script"), self._text)}, "script"))
        more, ways = self._done("action")
        steps += more
        if kind == "singlewith2thresholds":
            ways = self._resolved(ways)
        name = self._imported.flow_name(self._name)
        if kind == "singlewithscript" and rule.get("action2", "none") != "none":
            more2, ways2 = self._done("action2")
            self._add(name, [*steps, *([Step("where", "text exists")] if not more and len(ways) > 1 else [])], ways)
            if ways2 or more2:
                self._add(self._imported.flow_name(name), [Step("from", f"{name}.script.otherwise"), *more2], ways2)
            return
        self._add(name, steps, ways)

    def _add(self, name: str, steps: list[Step], ways: list[tuple[list[Step], Mapping[str, object]]]) -> None:
        """Write it; where nothing is told, for what it flags alone."""
        if not ways and any(step.kind in ("flag", "unflag") for step in steps):
            self._imported.flows.append(Flow(name, steps, f"{self._rule.place}: {self._of}", self._rule.place))
        if len(ways) > 1 and steps[-1].kind == "from":
            steps = [*steps, Step("where", "text exists")]
        self._imported.add(name, self._rule.place, self._of, steps, ways)

    def _lose_action(self, key: str, why: str) -> None:
        self._imported.lose(self._rule.place_of(key), f"{key}={self._rule.get(key)}", why)

    def _resolved(self, ways: list[tuple[list[Step], Mapping[str, object]]]) -> list[
            tuple[list[Step], Mapping[str, object]]]:
        """The ways, with what the second list of actions tells as the title when it is over."""
        steps, others = self._done("action2")
        if steps:
            self._lose_action("action2", "contexts are not made or ended when something is over")
        if not others:
            return [(more, {**alert, "resolved": False}) for more, alert in ways]
        if len(others) > 1 or any(alert["to"] != others[0][1]["to"] for _, alert in ways):
            self._lose_action("action2", "that it is over is told to those who were told that it began")
        title = others[0][1]["title"]
        return [(more, {**alert, "resolved": title}) for more, alert in ways]

    def _pair(self, kind: str) -> None:
        rule = self._rule
        if rule.get("ptype").lower().startswith("n"):
            raise Refused("what does not match begins nothing here")
        missing = kind == "pairwithwindow"
        self._pattern("", self._wanted())
        closes = self._closing()
        either = [self._pattern("")[0], re.sub(r"\{[gh]\d+\}", ".*", re.sub(r"\(\?P<h\d+>", "(", closes))]
        left_out = self._but_for_taken(either)
        steps = self._lines(self._wanted())
        # The pattern that opens is searched for by `pair` itself, which must see what closes, too.
        grep = next(step for step in steps if step.kind == "grep" and isinstance(step.value, dict))
        opens = grep.value["pattern"]
        rest = [step for step in steps if step.kind in ("when", "unless", "set")]
        if rest:
            raise Refused("a context decides about what begins; ask for it in a flow of your own")
        within = self._window()
        apart = [number for number in sorted(numbers_in(self._desc)) if f"{{g{number}}}" not in closes]
        if apart:
            self._imported.lose(rule.place_of("desc"), f"desc={rule.get('desc')}",
                                f"pattern2 does not name ${apart[0]}: in SEC each of its values begins a pair, and all "
                                "end together; here a second one that begins is not told")
        options: dict[str, object] = {"open": opens, "close": closes}
        if within:
            options["within"] = seconds(within)
        if missing:
            options["missing"] = True
        step = Step("pair", options)
        more, ways = self._done("action")
        if more:
            self._lose_action("action", "contexts are not made where a pair begins; use a `flag` in a flow of your own")
        if missing:
            if rule.get("action2", "none") != "none":
                self._lose_action("action2", "what ends in time is not told")
            ways = [([], {**alert, "resolved": False}) for _, alert in ways]
        else:
            self._second = "h"
            ways = self._resolved(ways)
        if self._ends("2") and self._before.behind:
            self._imported.lose(rule.place_of("pattern2"), f"pattern2={rule.get('pattern2')}",
                                f"{SHARED}this pattern as `except` of their `grep`")
        self._add(self._imported.flow_name(self._name), [self._source, *left_out, step], ways)

    def _closing(self) -> str:
        """The second pattern; `$1` in it is what the first one captured."""
        ptype, text = self._rule.get("ptype2"), self._rule.get("pattern2")
        places: list[str] = []

        def mark(found: re.Match[str]) -> str:
            name = f"g{int(found[1] or found[2])}"
            if name not in self._there:
                raise Refused(f"pattern2 names {found[0]}, and the first pattern has no such group")
            places.append(f"{{{name}}}")
            return f"{MARK}{len(places) - 1}{MARK}"

        marked = re.sub(r"(?<!\\)[$%](?:\{(\d+)\}|(\d+))", mark, text)
        if ptype.lower() in ("substr", "substr1"):
            made = printable(re.escape(marked))
        elif ptype.lower() in ("regexp", "regexp1"):
            named = numbers_in(self._rule.get("action2"), self._rule.get("desc2"))
            there = [number for number in sorted(named) if number <= count_groups(marked)]
            self._there |= {f"h{number}" for number in there}
            made = translated(marked, wanted=there, prefix="h")
        else:
            raise Refused(f"ptype2 {ptype}: such an end is not looked for" if ptype else "it has no ptype2")
        if not made:
            raise Refused("pattern2 is empty: every line would end it")
        return re.sub(rf"{MARK}(\d+){MARK}", lambda found: places[int(found[1])], made)

    def _group(self) -> None:
        """EventGroup: events of several patterns."""
        rule = self._rule
        count = int(re.sub(r"\D", "", rule.kind)[:9] or 1)
        if f"pattern{count}" not in rule.given and count > 1:
            raise Refused(f"it has no pattern{count}")
        numbers = sorted(numbers_in(rule.get("desc"), rule.get("action")))
        keyed = [f"g{number}" for number in sorted(numbers_in(rule.get("desc")))]
        of: list[object] = []
        plain: list[str] = []
        for which in ["", *(str(number) for number in range(2, count + 1))]:
            pattern, negated = self._pattern(which, numbers)
            if negated or rule.get(f"context{which}"):
                raise Refused("contexts, and what does not match, decide about no part of a group")
            least = int(rule.get(f"thresh{which}", "1"))
            of.append({"pattern": pattern, "at_least": least} if least > 1 else pattern)
            plain.append(self._pattern(which)[0])
        if any(key.startswith("egptype") for key in rule.given):
            raise Refused("the order of a group's events is a `sequence`")
        options: dict[str, object] = {"within": seconds(self._window() or 1)}
        self._imported.lose(rule.place_of("window"), f"window={rule.get('window')}", WINDOW)
        if keyed:
            options["by"] = one_or_list(keyed)
        steps = [self._source, *self._but_for_taken(plain)]
        if count > 1:
            steps.append(Step("all_of", {"of": of, **options}))
        else:
            first = of[0] if isinstance(of[0], dict) else {"pattern": of[0], "at_least": 1}
            steps += [Step("grep", first["pattern"]), Step("threshold", {"at_least": first["at_least"], **options})]
        self._before.taken += [one for one, which in zip(plain, range(1, count + 1), strict=True)
                               if self._ends("" if which == 1 else str(which))]
        for key in ("init", "slide", "end"):
            if key in rule.given:
                self._lose_action(key, "only what completes a group is told")
        more, ways = self._done("action")
        self._add(self._imported.flow_name(self._name), [*steps, *more], ways)

    def _calendar(self) -> None:
        time = self._rule.get("time")
        Cron(time)
        context = self._context()
        if context is None:
            raise Refused(f"the context {self._rule.get('context')!r} is more than names that are, or are not")
        more, ways = self._done("action")
        name = self._imported.flow_name(self._name)
        self._add(name, [Step("cron", {"at": time}), *context, *more], ways)
