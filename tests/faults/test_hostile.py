"""Hostile lines, names, patterns, configs and children: what a log or a file system holds is never more than text."""

import contextlib
import email
import email.policy
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from .judge import CLEAN, count, seen, tallied
from .process import until

ESCAPED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""What must never reach a terminal: controls but the newline between lines, and what turns or hides text."""


# --- what is opened ---------------------------------------------------------------------------------------


def test_t63_names_that_are_no_logs(area, watch, figures):
    """A link to /etc/shadow, a FIFO, a device, a socket, a folder, all named like logs: none is read, none blocks."""
    (area.logs / "shadow.log").symlink_to("/etc/shadow")
    (area.logs / "zero.log").symlink_to("/dev/zero")
    (area.logs / "tty.log").symlink_to("/dev/tty")
    (area.logs / "loop.log").symlink_to("loop.log")
    os.mkfifo(area.logs / "fifo.log")
    (area.logs / "folder.log").mkdir()
    daemon = area.daemon("LOGS/*.log", tail=f"root: {area.logs}")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(area.logs / "socket.log"))
        daemon.start()
        w = area.writer("good.log")
        for _ in range(20):
            w.write(50)
            time.sleep(0.05)
        area.settle(daemon)
        held = [one for one in daemon.descriptors() if one.startswith((str(area.logs), "/etc/shadow", "/dev/zero"))]
        before, began = daemon.seconds(), time.monotonic()
        time.sleep(3)
        busy = (daemon.seconds() - before) / (time.monotonic() - began)
        told = area.judge(daemon)

    warnings = [one for one in daemon.events() if "shadow.log" in json.dumps(one)]
    figures(busy=f"{100 * busy:.1f}%", warnings=len(warnings))
    assert CLEAN == told
    assert {str(area.logs), str(area.logs / "good.log")} >= set(held)
    assert 1 == daemon.source()["files"]
    assert 1000 == daemon.source()["lines"]
    assert busy < 0.2, "it does not spin"
    assert 1 >= len(warnings)


# --- what is told -----------------------------------------------------------------------------------------

LINES = {
    "escape": b"\x1b[2J\x1b]0;owned\x07\x1b[31m red",
    "8 bit controls": "\x9b31m \x9d0;owned\x9c".encode(),
    "carriage return": b"good\rbad\r",
    "bidi": "user \u202etxt.exe\u202c \u2066x\u2069 \u200bhidden\ufeff".encode(),
    "separators": "one\u2028two\u2029three\x85four\x0bfive\x0csix".encode(),
    "bad bytes": b"\xff\xfe \xc0\x80 \xed\xa0\x80 \xf5",
    "nul": b"before\x00after",
    "shell": b"$(touch OWNED) `touch OWNED` ; touch OWNED | touch OWNED & touch OWNED > OWNED",
    "format": b"{0.__class__} {text} {{x}} %s%n %(x)s ${env:HOME} ${credential:x}",
    "mail": b"~!touch OWNED",
    "header": b"x\r\\r\\nBcc: victim@example.org \\r\\n\\r\\nbody %0d%0aBcc: victim@example.org",
    "dot": b".",
    "option": b"-rf --exec=touch",
    "sql": b"'; DROP TABLE outbox; --",
    "json": b'"}],"id":"forged","x":[{"y":"\\u0000',
    "markup": b"<script>alert(1)</script> <!channel> @everyone [b]x[/b] *x* [red]x",
    "priority": b"<0>panic WATCHDOG=trigger READY=1",
    "empty": b"",
    "long": b"L" * (10 << 20),
}


class AnyPort(Controller):
    """A mail server on a free port."""

    def __init__(self):
        self.got = []
        super().__init__(self, hostname="127.0.0.1", port=0, server_hostname="test")

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.got.append((list(envelope.rcpt_tos), envelope.content))
        return "250 OK"

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def office():
    made = AnyPort()
    made.start()
    yield made
    made.stop(no_assert=True)


TAKE = '''\
import json, os, sys
kept = {"argv": sys.argv[1:], "stdin": sys.stdin.read(), "env": sorted(os.environ), "cwd": os.getcwd()}
with open(PATH, "a") as file:
    file.write(json.dumps(kept) + "\\n")
'''
EVERY = """\
flows:
  each:
    tail: {tail}
    alert: {{to: [out, hook, mail, run, chat, console], title: '{{{field}}}'}}
sinks:
  out: {{file: {folder}/alerts.jsonl}}
  hook: {{webhook: {{url: '{url}', headers: {{X-Title: '{{title}}'}}}}}}
  mail: {{email: {{to: ops@example.org, from: me@example.org, server: 'localhost:{port}', every: 500ms}}}}
  run: {{exec: [{python}, {folder}/take.py, '{{title}}', 'it: {{title}}']}}
  chat: {{apprise: {{url: 'json://127.0.0.1:{chat}/', every: 500ms}}}}
"""


def everywhere(area, oracle, chat, office, field):
    """A daemon that alerts on every line through every kind of sink."""
    (area.folder / "take.py").write_text(TAKE.replace("PATH", repr(str(area.folder / "taken.jsonl"))))
    return area.run(EVERY.format(tail=area.tail("'LOGS/*'"), folder=area.folder, url=oracle.url, port=office.port,
                                 python=sys.executable, chat=chat.http.server_port, field=field))


@pytest.fixture
def chat(oracle):
    made = type(oracle)()
    yield made
    made.end()


def all_delivered(daemon):
    """Nothing waits any more, in any sink."""
    rows = daemon.query("SELECT count(*) FROM outbox WHERE state = 'waiting'")
    return rows and 0 == rows[0][0]


def shown(raw):
    """A line as text, by the rules that the README gives."""
    return raw.removesuffix(b"\r").decode("utf-8", "backslashreplace")


def capped(text):
    """A text for people, or a word of a command, shows 4,096 characters at most."""
    return text if len(text) <= 4096 else f"{text[:4096]}…"


def judge_outputs(area, daemon, oracle, chat, office, texts):
    """What each sink was given of these texts: whole where it is data, harmless where it is for people."""
    in_file = area.alerts()
    assert texts == [one["events"][-1]["text"] for one in in_file], "data is not changed"
    assert texts == [one["events"][-1]["text"] for one in oracle.got if one["flow"] == "each"]
    titles = [one["title"] for one in in_file]
    assert not any(ESCAPED.search(title) or "\n" in title for title in titles)

    printed = [row for row in daemon.stderr.read_text().splitlines() if not row.startswith("{")]
    assert len(texts) == len(printed), "one line on standard output an alert"
    assert not ESCAPED.search("\n".join(printed))

    assert {("ops@example.org",)} == {tuple(to) for to, _ in office.got}
    count = 0
    for _, content in office.got:
        mail = email.message_from_bytes(content, policy=email.policy.default)
        names = ["Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"]
        assert {*names, "Content-Type", "Content-Transfer-Encoding"} >= set(mail.keys())
        assert len(mail.keys()) == len(set(mail.keys()))
        assert not ESCAPED.search(mail["Subject"])
        body = mail.get_body(("plain",)).get_content().replace("\r\n", "\n")
        assert not ESCAPED.search(body), repr(body)
        count += 1
    assert count

    for one in chat.got:
        told = one["title"] + one["message"]
        assert not ESCAPED.search(told.replace("\u200b", "")), "but for what keeps a whole channel from being called"
        assert not re.search("@everyone|<!channel>", told)

    taken = [json.loads(row) for row in (area.folder / "taken.jsonl").read_text().splitlines()]
    refused = daemon.query("SELECT id FROM outbox WHERE sink = 'run' AND state = 'refused'")
    assert {one["id"] for one in in_file if one["title"].startswith("-")} == {row for row, in refused}
    assert len(texts) - len(refused) == len(taken)
    for one in taken:
        alert = json.loads(one["stdin"])
        assert [alert["title"], capped(f"it: {alert['title']}")] == one["argv"]
        assert alert["events"][-1]["text"] in texts
        assert not {"NOTIFY_SOCKET", "HOME"} & set(one["env"])
    assert not list(area.folder.rglob("OWNED"))
    assert not Path("/OWNED").exists()
    assert set(oracle.keys) == {one["id"] for one in oracle.got}


def test_t64_hostile_lines_through_every_sink(area, oracle, chat, office, figures):
    """Each line of the corpus, through each kind of sink."""
    daemon = everywhere(area, oracle, chat, office, "text").start()
    (area.logs / "a.log").write_bytes(b"".join(raw + b"\n" for raw in LINES.values()))
    until(lambda: len(area.alerts()) == len(LINES), 60, daemon.said)
    until(lambda: all_delivered(daemon), 60, lambda: daemon.query("SELECT sink, why FROM outbox WHERE state='waiting'"))
    peak = daemon.peak()
    assert 0 == daemon.stop()

    texts = [shown(raw[:65536]) for raw in LINES.values()]
    figures(lines=len(LINES), mails=len(office.got), chats=len(chat.got), peak=f"{peak:.0f}MiB")
    judge_outputs(area, daemon, oracle, chat, office, texts)
    long = next(one for one in area.alerts() if one["events"][-1]["text"].startswith("LLL"))
    assert (10 << 20) - 65536 == long["fields"]["cut_bytes"]


NAMES = [b"new\nline.log", b"escape\x1b[2J.log", b"semi;touch OWNED.log", b"$(touch OWNED).log", b"-rf",
         b"\xff\xfe.log", b"quote'\".log", b"{0.__class__}.log", "bidi\u202egol.txt".encode(), b"<0>.log",
         b" blank .log", b"*.log"]


def test_t65_hostile_names_through_every_sink(area, oracle, chat, office, figures):
    """The same with the names of files, which the alerts' titles tell."""
    daemon = everywhere(area, oracle, chat, office, "file").start()
    for name in NAMES:
        with open(os.path.join(os.fsencode(area.logs), name), "wb") as log:
            log.write(b"a line\n")
    until(lambda: len(area.alerts()) == len(NAMES), 60, daemon.said)
    until(lambda: all_delivered(daemon), 60)
    assert 0 == daemon.stop()

    figures(names=len(NAMES))
    judge_outputs(area, daemon, oracle, chat, office, ["a line"] * len(NAMES))
    told = {one["events"][-1]["file"] for one in area.alerts()}
    assert {os.path.join(os.fsencode(area.logs), name).decode("utf-8", "backslashreplace") for name in NAMES} == told


SHOUT = '''\
def shout(target):
    while True:
        raise ValueError((yield).text + "\\nWATCHDOG=trigger\\n<0>panic\\nSTATUS=forged")
'''


def test_t66_text_that_would_steer_the_supervisor(area, oracle, figures):
    """Text of a log, of an error and of a server's answer, in the words of sd_notify and of the journal: only text."""
    (area.folder / "shout.py").write_text(SHOUT)
    more = f"  shout:\n    tail: {area.tail()}\n    python: {{function: shout.py:shout}}\n    alert: {{to: [out]}}\n"
    sinks = f"  out: {{file: {area.folder}/alerts.jsonl}}\n  hook: {{webhook: '{oracle.url}'}}\n"
    daemon = area.daemon(config={"every": "", "more": more, "sinks": sinks}, watchdog=4.0)
    daemon.stderr.touch()
    status = daemon.stderr.stat()
    daemon.env["FDSTORE"] = "16"
    daemon.env["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
    daemon.start()
    log = area.logs / "app.log"
    evil = b"\x1b[0m<0>panic\rWATCHDOG=trigger\rPRIORITY=0\rREADY=1 FDSTORE=1"
    for _ in range(5):
        with open(log, "ab") as out:
            out.write(evil + b"\n")
        time.sleep(0.2)
    w = area.writer()
    w.write(10)
    oracle.mode = "refuse"
    w.write(10)
    broken = daemon.config.read_text()
    daemon.config.write_text(broken.replace("tally:", "'tally\\n<0>STATUS=x':"))
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: "refused" in daemon.status)
    until(lambda: seen(daemon) == 25)
    assert 0 == daemon.stop()

    said = daemon.stderr.read_text()
    words = {word.partition("=")[0] for word in daemon.heard()}
    figures(lines=len(said.splitlines()), words=",".join(sorted(words)))
    assert {"READY", "STATUS", "WATCHDOG", "RELOADING", "MONOTONIC_USEC", "STOPPING", "FDSTORE", "FDNAME",
            "FDSTOREREMOVE", "FDPOLL", ""} >= words
    assert {"1"} == {word[9:] for word in daemon.heard() if word.startswith("WATCHDOG=")}
    assert not any("panic" in one or "forged" in one or "trigger" in one for one in daemon.statuses())
    assert "shut" in said
    assert all(re.match(r"<[2-7]>", row) for row in said.splitlines()), "each line has our own priority"
    assert not ESCAPED.search(said)


# --- what is asked of it ----------------------------------------------------------------------------------

ENDLESS = [r"(a+)+", r"(a|aa)+", r"(a|a)*", r"(?:(?:a+)+)+", r"(a+a+)+", r"([a-z]+)*", r"(\w+\w+)+", r"(.+)+",
           r"((a|aa)+)+", r"(a{1,9}){1,99}", r"(a+){10}", r"(\S+)*", r"(?:a|[a-z])+"]
NEVER = [r"\d", r"[^a]", r"\s", r"[bc]", r"\W$"]
AROUND = ["(?=a)", "(?!b)", "(?<=a)", "(?=.)"]
REDOS = [around + endless + NEVER[(m + n) % len(NEVER)] for m, around in enumerate(AROUND) for n, endless
         in enumerate(ENDLESS)][:50]
"""Fifty ways to match a line of `a` in exponentially many ways and then not at all; RE2 takes none of them."""


def test_t67_patterns_without_end(area, scale, figures):
    """Patterns that backtrack for ever on lines of 64 KiB: each is cut off within its budget and then rests."""
    patterns = scale.pick(REDOS[::5], REDOS)
    lines = scale.pick(5, 20)
    more = "".join(f"  slow{n}:\n    tail: {area.tail()}\n    grep: '{pattern}'\n    alert: {{to: [out]}}\n"
                   for n, pattern in enumerate(patterns))
    daemon = area.daemon(config={"more": more}).start()
    w = area.writer()
    w.write(100)
    until(lambda: seen(daemon) == 100)
    began = daemon.seconds()
    for _ in range(lines):
        w.put(b"a" * 65000 + b"\n")
        w.write(100)
    until(lambda: seen(daemon) == 100 + 101 * lines, 120)
    busy = daemon.seconds() - began
    assert 0 == daemon.stop()

    nodes = daemon.summary()["nodes"]
    failed = {n: nodes[f"slow{n}.grep"]["failed"] for n in range(len(patterns))}
    shut = [one["fields"]["node"] for one in area.alerts("corowatch") if one["node"] == "shut"]
    slow = [n for n in failed if failed[n]]
    told = sum(times for (writer, _), times in tallied(daemon).items() if writer == "w")
    figures(L=len(w.written) - told, patterns=len(patterns), slow=len(slow), busy=f"{busy:.1f}s")
    assert len(w.written) == told
    assert len(patterns) == len(slow), "else the corpus is no danger"
    assert sorted(f"slow{n}.grep" for n in failed) == sorted(shut), "who fails three times rests; each is told, once"
    assert busy < 1.5 * 3 * 0.05 * len(patterns) + 2, "50 ms each, three times, then no more"


BOMBS = {
    "a billion laughs": lambda: "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)),
    "an alias to itself": lambda: "flows: &x {a: *x}\n",
    "a python object": lambda: "flows: !!python/object/apply:os.system ['touch OWNED']\n",
    "a python name": lambda: "flows: {a: !!python/name:os.system }\n",
    "equal keys": lambda: "flows: {a: {stdin: , alert: }}\nflows: {b: {stdin: , alert: }}\n",
    "very deep": lambda: "flows: " + "[" * 200_000 + "]" * 200_000 + "\n",
    "very deep, in blocks": lambda: "".join(" " * n + "a:\n" for n in range(1400)),
    "100 MB": lambda: "flows: {a: {stdin: , alert: }}\n" + ("# " + "x" * 97 + "\n") * 1_000_000,
    "a thousand documents": lambda: "---\nflows: {}\n" * 1000,
    "60,000 flows": lambda: "flows:\n" + "".join(f" a{n}: \n" for n in range(60_000)),
    "a long line": lambda: "flows: {a: {stdin: , grep: '" + "x" * 900_000 + "', alert: }, b: [}",
}
MEASURED = """\
import json, resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([status, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""
"""A small process between, for a child's peak is never told as less than what its parent had."""


@pytest.mark.parametrize("name", BOMBS)
def test_t68_configs_made_to_hurt(tmp_path, figures, name):
    """Refused within two seconds and 64 MiB, with a place and a sentence."""
    config = tmp_path / "c.yaml"
    config.write_text(BOMBS[name]())
    ran = subprocess.run([sys.executable, "-c", MEASURED, sys.executable, "-m", "corowatch", "run", config,
                          "--state-dir", tmp_path / "state"], capture_output=True, text=True, timeout=60, cwd=tmp_path,
                         check=True)
    status, seconds, peak = json.loads(ran.stdout)

    figures(seconds=f"{seconds:.2f}", peak=f"{peak:.0f}MiB", status=status)
    assert 78 == status, ran.stderr[-2000:]
    assert str(config) in ran.stderr
    assert "Traceback" not in ran.stderr
    assert len(ran.stderr) < 100_000
    assert not (tmp_path / "OWNED").exists()
    assert not (tmp_path / "state").exists()
    assert seconds < 2.0
    assert peak < 64


# --- who else is there ------------------------------------------------------------------------------------


def listening(pid):
    """Sockets of a process that take connections."""
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            if found := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{name}")):
                inodes.add(found[1])
    ours = []
    for table, column, state in (("tcp", 9, "0A"), ("tcp6", 9, "0A")):
        ours += [row for row in map(str.split, Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:])
                 if row[column] in inodes and row[3] == state]
    # In the table of Unix sockets the flag 00010000 says that it listens; with a path, that others can send to it.
    ours += [row for row in map(str.split, Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:])
             if row[6] in inodes and (row[3] == "00010000" or len(row) > 7)]
    ours += [row for table in ("udp", "udp6")
             for row in map(str.split, Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:])
             if row[9] in inodes]
    return ours


def test_t69_another_user(area, oracle, figures):
    """There is nothing to talk to: it listens nowhere; another user can neither read its state, nor signal it, nor
    take its state directory."""
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("T69: needs root, and setpriv to become another user")
    for folder in [area.folder, *area.folder.parents]:
        if folder.stat().st_uid == 0 and folder.is_relative_to("/tmp/pytest-of-root"):
            folder.chmod(0o755)
    daemon = area.daemon(config={"every": "0", "sinks": f"  hook: {{webhook: '{oracle.url}'}}\n"}).start()
    w = area.writer()
    w.write(100)
    until(lambda: len(oracle.got) >= 10)
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")

    def tries(*command):
        return subprocess.run([*nobody, *command], capture_output=True, text=True, timeout=20, check=False).returncode

    assert 0 == tries("ls", area.folder), "it can get as far as here"
    attempts = {
        "list": tries("ls", daemon.state), "read": tries("cat", daemon.state / "state.db"),
        "write": tries("sh", "-c", f"echo x >> {daemon.state}/state.db"),
        "plant": tries("ln", "-s", "/etc/passwd", daemon.state / "reloaded.json"),
        "lock": tries("flock", "-n", daemon.state / "lock", "true"),
        "HUP": tries("kill", "-HUP", str(daemon.pid)), "TERM": tries("kill", "-TERM", str(daemon.pid)),
        "memory": tries("cat", f"/proc/{daemon.pid}/environ"),
    }
    ears = listening(daemon.pid)
    w.write(100)
    area.settle(daemon)
    status = daemon.stop()
    lost, doubled, _ = count(daemon, w)
    figures(L=lost, D=doubled, listens=len(ears))
    assert [] == ears
    assert [] == [name for name, code in attempts.items() if code == 0]
    assert 0o700 == daemon.state.stat().st_mode & 0o777
    assert 0o600 == (daemon.state / "state.db").stat().st_mode & 0o777
    assert 0 == status
    assert (0, 0) == (lost, doubled)


SECRETS = {"smtp": "hunter2-in-mail", "hook": "hunter2-in-hook", "chat": "hunter2-in-chat", "head": "hunter2-in-head"}
PRIVATE = """\
flows:
  each:
    tail: {tail}
    alert: {{to: [mail, hook, chat], title: '{{text}}'}}
sinks:
  mail: {{email: {{to: a@example.org, server: 'localhost:1', user: me, password: '${{credential:smtp}}'}}}}
  hook: {{webhook: {{url: 'http://127.0.0.1:{port}/${{credential:hook}}', headers: {{Token: '${{credential:head}}'}}}}}}
  chat: {{apprise: 'json://user:${{credential:chat}}@127.0.0.1:{port}/'}}
"""


def test_t70_secrets(area, oracle, figures):
    """While every sink fails, and is asked about: no secret in the log, the state, what `check` says or /proc tells."""
    folder = area.folder / "credentials"
    folder.mkdir(mode=0o700)
    for name, value in SECRETS.items():
        (folder / name).write_text(value + "\n")
    oracle.mode = "refuse"
    env = {"CREDENTIALS_DIRECTORY": str(folder)}
    daemon = area.run(PRIVATE.format(tail=area.tail(), port=oracle.http.server_port), env=env).start()
    w = area.writer()
    w.write(3)
    until(lambda: len(daemon.query("SELECT 1 FROM outbox WHERE state = 'refused' OR attempts > 0")) >= 5)
    seen_of = {
        "environ": Path(f"/proc/{daemon.pid}/environ").read_bytes(),
        "cmdline": Path(f"/proc/{daemon.pid}/cmdline").read_bytes(),
    }
    words = {"check": ["check", daemon.config], "outbox": ["outbox", "--state-dir", daemon.state],
             **{name: ["send", name, daemon.config] for name in ("mail", "hook", "chat")}}
    for name, argv in words.items():
        ran = subprocess.run([sys.executable, "-m", "corowatch", *argv], capture_output=True, timeout=60, check=False,
                             env={**os.environ, **daemon.env})
        assert ran.stdout + ran.stderr, name
        seen_of[name] = ran.stdout + ran.stderr
    daemon.config.write_text(daemon.config.read_text().replace("title:", "titel:"))
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: "refused" in daemon.status)
    daemon.stop()
    seen_of["stderr"] = daemon.stderr.read_bytes()
    for path in daemon.state.iterdir():
        seen_of[path.name] = path.read_bytes()
    unit = (Path(__file__).parents[2] / "systemd" / "corowatch.service").read_text()

    hits = [(place, name) for place, data in seen_of.items() for name, value in SECRETS.items()
            if value.encode() in data]
    figures(places=len(seen_of), hits=len(hits))
    assert oracle.requests, "the secrets were used"
    assert [] == hits
    assert "\nLimitCORE=0\n" in unit, "a core would hold them"


CHILD = '''\
#!/bin/sh
# Ignores every signal it may, starts others that do so too and hold its output open, and talks without end.
trap '' TERM INT HUP
for n in 1 2 3 4 5 6 7 8; do
    setsid -f sh -c 'trap "" TERM; exec sleep 300.0{mark}' 2>/dev/null &
    sh -c 'trap "" TERM; exec sleep 300.1{mark}' &
done
{noise}
exec sleep 300.2{mark}
'''


def alive(mark):
    """Processes whose command line holds this."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def test_t71_a_command_that_will_not_end(area, scale, figures):
    """It ignores TERM, has children that hold its output, and writes without end: its whole group is killed."""
    mark = f"{os.getpid()}7{time.monotonic_ns()}"
    size = scale.pick(50, 1000)
    child = area.folder / "child"
    noise = f"head -c {size}M /dev/zero; head -c {size}M /dev/zero >&2"
    child.write_text(CHILD.format(mark=mark, noise=noise).replace("    setsid", "    # setsid"))
    child.chmod(0o755)
    config = (f"flows:\n  each:\n    tail: {area.tail()}\n    alert: {{to: [run, out]}}\n"
              f"sinks:\n  run: {{exec: {{argv: [{child}], timeout: 2s}}}}\n"
              f"  out: {{file: {area.folder}/alerts.jsonl}}\n")
    daemon = area.run(config).start()
    w = area.writer()
    before = len(daemon.descriptors())
    w.write(1)
    until(lambda: alive(f"300.1{mark}"))
    began = time.monotonic()
    until(lambda: daemon.query("SELECT 1 FROM outbox WHERE sink = 'run' AND attempts > 0"), 20)
    took = time.monotonic() - began
    left = alive(mark)
    # It is tried again; stop while it is.
    until(lambda: alive(mark), 20)
    peak = daemon.peak()
    began = time.monotonic()
    status = daemon.stop()
    ended = time.monotonic() - began
    until(lambda: not alive(mark), 5, lambda: alive(mark))
    why = daemon.query("SELECT why FROM outbox WHERE sink = 'run'")[0][0]

    figures(killed=f"{took:.1f}s", end=f"{ended:.1f}s", peak=f"{peak:.0f}MiB")
    assert took < 2 + 2, "the timeout, and a little"
    assert [] == left, "its whole group is gone"
    assert "was killed" in why
    assert before <= 64
    assert 0 == status
    assert ended < 20
    assert peak < 100, "what it says is not kept"
    assert 1 == len(area.alerts())


def test_t71_nothing_is_left_of_many_commands(area, figures):
    """Commands that fail, run too long or end well, many times: no descriptor and no zombie is left."""
    child = area.folder / "child"
    child.write_text("#!/bin/sh\ncase $1 in 0) exit 65;; 1) sleep 60;; *) cat >/dev/null;; esac\n")
    child.chmod(0o755)
    config = (f"flows:\n  each:\n    tail: {area.tail()}\n    grep: ',\\d*(?P<k>\\d),'\n"
              f"    alert: {{to: [run], by: [k]}}\n"
              f"sinks:\n  run: {{exec: {{argv: [{child}, '{{k}}'], timeout: 300ms}}}}\n")
    daemon = area.run(config).start()
    w = area.writer()
    w.write(1)
    until(lambda: daemon.query("SELECT 1 FROM outbox WHERE attempts > 0"))
    until(lambda: len(children(daemon.pid)) == 0)
    before = sorted(daemon.descriptors())
    w.write(60)
    until(lambda: len(daemon.query("SELECT 1 FROM outbox WHERE attempts > 0")) >= 55, 60,
          lambda: daemon.query("SELECT state, family, attempts, due, why FROM outbox ORDER BY attempts DESC"))
    zombies = [pid for pid in children(daemon.pid) if "Z" == state_of(pid)]
    # Between two of them no pipe is open.
    until(lambda: len(daemon.descriptors()) <= len(before), 30)
    after = sorted(daemon.descriptors())
    assert 0 == daemon.stop()

    figures(zombies=len(zombies), before=len(before), after=len(after))
    assert 1 >= len(zombies), "at most the one that is being waited for"
    assert len(before) + 4 >= len(after)


def children(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


def state_of(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""
