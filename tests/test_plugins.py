import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from corowatch import plugins
from corowatch.core.values import Function
from corowatch.plugins import inspect_function, secret
from corowatch.testing import line


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes, name: str = "rules.py") -> str:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)

    return write


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(plugins, "LIMIT", 0.05)


@pytest.fixture(autouse=True)
def _nothing_left_armed():
    yield
    assert (0.0, 0.0) == signal.setitimer(signal.ITIMER_REAL, 0)
    assert (False, False) == (plugins._watch.armed, plugins._watch.late)


def refused(file: str, name: str = "grep") -> str:
    with pytest.raises(ValueError) as caught:
        inspect_function(file, name)
    return str(caught.value).replace(os.path.dirname(file), "DIR")


CLASSIC = """\
def grep(pattern):
    print('Looking for', pattern)
    try:
        while True:
            line = (yield)
            if pattern in line:
                print(line)
    except GeneratorExit:
        print("Exiting the Co-routine")
"""
STAGE = "def stage(target, *, fail=False):\n    while True:\n        target.send((yield))\n"


class Collect(list):
    send = list.append


# --- looking at a function --------------------------------------------------------------------------


def test_a_function_is_looked_at_without_running_anything(write):
    file = write("raise SystemExit\n" + CLASSIC)

    found = inspect_function(file, "grep")

    assert (file, "grep", False) == (found.file, found.name, found.takes_target)


@pytest.mark.parametrize(("head", "takes"), [
    ("def f(target):", True), ("def f(a, target, b=1):", True), ("def f(a, *, target):", True),
    ("def f(targets):", False), ("def f(*target):", False), ("def f(**target):", False),
    ("def f():\n target = 1", False),
])
def test_a_parameter_target_makes_it_a_stage(write, head, takes):
    assert takes is inspect_function(write(f"{head}\n yield\n"), "f").takes_target


@pytest.mark.parametrize(("text", "takes"), [
    ("def f():\n  yield\n", "()"),
    ("def f(a, /, b, c=1, *d, e, g=2, **h):\n  yield\n", "(a, /, b, c=None, *d, e, g=None, **h)"),
    ("def f(a: int = 0) -> 'x':\n  yield '\\d'\n", "(a=None)"),
    ("@staticmethod\ndef f(a):\n  yield\n", "None"),
    ("if True:\n  def f(a):\n    yield\n", "None"),
    ("def f(a):\n  yield\nf = partial(f, 1)\n", "None"),
    ("def f(a):\n  yield\nfrom x import g as f\n", "None"),
    ("def f(a):\n  yield\ndef f():\n  yield\n", "None"),
])
def test_what_a_function_takes_is_known_where_its_text_tells_it(write, text, takes):
    assert takes == str(inspect_function(write(text), "f").signature)


def test_the_fingerprint_changes_with_the_file(write):
    before, same = inspect_function(write(CLASSIC), "grep"), inspect_function(write(CLASSIC), "grep")
    after = inspect_function(write(CLASSIC + "\n"), "grep")

    assert before == same
    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize("text", [
    "@property\n" + CLASSIC, "if True:\n  def grep():\n    yield\n",
    "def grep(): pass\ndef grep():\n  yield from ()\n",
    "def grep():\n  def inner(): pass\n  x = yield\n",
])
def test_a_generator_function_is_found_wherever_the_module_has_it(write, text):
    assert isinstance(inspect_function(write(text), "grep"), Function)


@pytest.mark.parametrize(("text", "sentence"), [
    ("def grpe():\n  yield\n", "DIR/rules.py has no function 'grep'; did you mean 'grpe'?"),
    ("class grep:\n  pass\n", "DIR/rules.py has no function 'grep'"),
    ("class A:\n  def grep(self):\n    yield\n", "DIR/rules.py has no function 'grep'"),
    ("def other():\n  def grep():\n    yield\n", "DIR/rules.py has no function 'grep'"),
    ("", "DIR/rules.py has no function 'grep'"),
    ("def grep(): pass\n", "'grep' in DIR/rules.py is no generator function: it has no `yield`"),
    ("def grep():\n  def inner():\n    yield\n",
     "'grep' in DIR/rules.py is no generator function: it has no `yield`"),
    ("def grep():\n  return (x for x in ())\n",
     "'grep' in DIR/rules.py is no generator function: it has no `yield`"),
    ("async def grep():\n  yield\n", "'grep' in DIR/rules.py is no generator function: it has no `yield`"),
    ("x = 1\ndef grep(:\n", "DIR/rules.py is not Python: invalid syntax, line 2"),
    (b"x = '\xff'\n", ("DIR/rules.py is not Python: (unicode error) 'utf-8' codec can't decode byte 0xff "
                       "in position 0: invalid start byte, line 1")),
    (b"x = 1\0\n", "DIR/rules.py is not Python: source code string cannot contain null bytes"),
])
def test_what_is_wrong_with_a_function_is_told(write, text, sentence):
    told = refused(write(text))

    if b"\0" in (text if isinstance(text, bytes) else b""):
        sentence, told = sentence.partition(": ")[0], told.partition(": ")[0]  # worded anew in Python 3.12
    assert sentence == told


@pytest.mark.parametrize("text", ["x = " + "(" * 100_000, "x = " + "-" * 100_000 + "1",
                                  "x = " + "a." * 100_000 + "a"])
def test_a_file_that_is_nested_too_deeply_is_not_python(write, text):
    assert refused(write(text)).startswith("DIR/rules.py is not Python: ")


def test_a_warning_of_the_compiler_is_its_authors_business(write):
    assert inspect_function(write("def grep():\n  yield '\\d'\n"), "grep")


def test_a_file_must_be_there_and_be_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")

    assert "DIR/none.py cannot be read: No such file or directory" == refused(str(tmp_path / "none.py"))
    assert "DIR/pipe.py is not a regular file" == refused(str(tmp_path / "pipe.py"))


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "rules").mkdir()

    assert refused(str(tmp_path / "rules")) in ("DIR/rules is not a regular file",
                                                "DIR/rules cannot be read: Is a directory")


def test_a_file_that_everyone_may_write_is_refused(write):
    file = write(CLASSIC)
    os.chmod(file, 0o646)

    assert "DIR/rules.py can be written by everyone; take that away: chmod o-w DIR/rules.py" == refused(file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(write):
    file = write(CLASSIC)
    os.chown(file, 12345, -1)

    assert "DIR/rules.py belongs to another user; it must belong to this one or to root" == refused(file)


# --- running it -------------------------------------------------------------------------------------


def test_the_classic_coroutine_works_unchanged(write, capsys):
    grep = inspect_function(write(CLASSIC), "grep").load()("python")

    next(grep)
    grep.send("Yeah, but no, but yeah, but no")
    grep.send("python generators rock!")
    grep.close()

    assert "Looking for python\npython generators rock!\nExiting the Co-routine\n" == capsys.readouterr().out


def test_a_stage_sends_to_its_target(write):
    passed = Collect()
    stage = inspect_function(write(STAGE), "stage").load()(target=passed)

    next(stage)
    sent = [line(text) for text in "abc"]
    for event in sent:
        stage.send(event)

    assert sent == passed


@pytest.mark.parametrize(("sent", "why"), [
    ("event.text", "stage sent a str; a step sends Events: event.having({…})"),
    ("event.having({'ip': object()})",
     "stage sent the field 'ip' with a object; a field holds a text, a number, true, false or None"),
    ("event.having({5: 1})",
     "stage sent the field 5 with a int; a field holds a text, a number, true, false or None"),
    ("event.having({'a': chr(0xdc80)})",
     "stage sent the field 'a' with a str; a field holds a text, a number, true, false or None"),
])
def test_a_stage_that_sends_what_no_alert_can_hold_is_itself_to_blame(write, sent, why):
    text = f"def stage(target):\n    while True:\n        event = yield\n        target.send({sent})\n"
    stage = inspect_function(write(text), "stage").load()(target=Collect())
    next(stage)

    with pytest.raises(TypeError) as blamed:
        stage.send(line("x"))

    assert why == str(blamed.value)


def test_what_its_own_decorator_has_primed_is_not_advanced_again(write, capsys):
    text = ("def coroutine(f):\n  def start(*a):\n    g = f(*a)\n    next(g)\n    return g\n  return start\n"
            "@coroutine\n" + CLASSIC)
    grep = inspect_function(write(text), "grep").load()("a")

    assert iter(grep) is grep
    assert next(grep) is None
    grep.send("abc")

    assert "Looking for a\nabc\n" == capsys.readouterr().out


def test_loading_again_takes_new_code_and_leaves_the_old_one_be(write):
    old = inspect_function(write("def f():\n  yield 1\n"), "f").load()
    new = inspect_function(write("def f():\n  yield 2\n"), "f").load()

    assert (1, 2) == (next(old()), next(new()))


def test_what_is_loaded_is_what_was_looked_at(write):
    found = inspect_function(write("def f():\n  yield 1\n"), "f")
    write("def f():\n  yield 2\n")

    assert 1 == next(found.load()())


def test_a_file_imports_its_neighbours_as_fresh_as_itself(write, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    text = "import colorsys, corowatch_neighbour_of_a_test as n\ndef f():\n  yield n.X\n"
    path, before = list(sys.path), sys.dont_write_bytecode

    write("X = 1\n", "corowatch_neighbour_of_a_test.py")
    old = inspect_function(write(text), "f").load()
    write("X = 2\n", "corowatch_neighbour_of_a_test.py")
    new = inspect_function(write(text), "f").load()

    assert (1, 2) == (next(old()), next(new()))
    assert "colorsys" in sys.modules
    assert "corowatch_neighbour_of_a_test" not in sys.modules
    assert (path, before) == (sys.path, sys.dont_write_bytecode)
    assert ["corowatch_neighbour_of_a_test.py", "rules.py"] == sorted(os.listdir(tmp_path))


@pytest.mark.parametrize("name", ["helper.py", "helper/inner.py"])
def test_a_neighbour_that_everyone_may_write_is_not_run(write, tmp_path, name):
    (tmp_path / "helper").mkdir(exist_ok=True)
    if "/" in name:
        write("", "helper/__init__.py")
    helper = Path(write("print('it ran')\n", name))
    helper.chmod(0o666)
    text = f"import {name.removesuffix('.py').replace('/', '.')}\ndef f():\n  yield\n"

    with pytest.raises(ValueError, match=f"{name} can be written by everyone; take that away: chmod o-w "):
        inspect_function(write(text), "f").load()


def test_a_folder_where_everyone_may_write_has_no_neighbours(write, tmp_path):
    write("X = 1\n", "corowatch_neighbour_of_a_test.py")
    found = inspect_function(write("import corowatch_neighbour_of_a_test\ndef f():\n  yield\n"), "f")
    alone = inspect_function(write("def f():\n  yield 1\n", "alone.py"), "f")
    tmp_path.chmod(0o1777)

    with pytest.raises(ModuleNotFoundError):
        found.load()
    assert 1 == next(alone.load()())


def test_a_module_may_define_dataclasses(write):
    text = ("from __future__ import annotations\nfrom dataclasses import dataclass\n"
            "@dataclass\nclass A:\n  x: int = 1\ndef f():\n  yield A().x\n")

    assert 1 == next(inspect_function(write(text), "f").load()())


def test_what_is_no_generator_after_all_is_refused(write):
    text = "def wrap(f):\n  return lambda: 5\n@wrap\ndef f():\n  yield\n"

    with pytest.raises(TypeError, match=r"^f gave a int, not a generator$"):
        inspect_function(write(text), "f").load()()


def test_exiting_is_an_error_like_any_other(write):
    at_once = inspect_function(write("import sys\nsys.exit()\ndef f():\n  yield\n", "at_once.py"), "f")
    later = inspect_function(write("def f():\n  yield\n  raise SystemExit\n"), "f").load()()
    next(later)

    with pytest.raises(RuntimeError, match=r"at_once\.py asked the whole program to exit$"):
        at_once.load()
    with pytest.raises(RuntimeError, match=r"^f asked the whole program to exit$"):
        later.send("x")


@pytest.mark.parametrize("error", ["asyncio.CancelledError('x')", "KeyboardInterrupt", "GeneratorExit"])
def test_what_is_no_ordinary_error_is_an_error_like_any_other(write, error):
    made = inspect_function(write(f"import asyncio\ndef f():\n  yield\n  raise {error}\n"), "f").load()()
    next(made)

    with pytest.raises(RuntimeError, match=f"^f raised {error.split('(')[0].split('.')[-1]}"):
        made.send("x")


def test_errors_and_the_end_come_through(write):
    made = inspect_function(write("def f():\n  x = yield\n  1 / x\n"), "f").load()
    failing, ending = made(), made()
    next(failing)
    next(ending)

    with pytest.raises(ZeroDivisionError):
        failing.send(0)
    with pytest.raises(StopIteration):
        ending.send(1)


# --- cutting off ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("body", [
    "  while True:\n    x = yield\n    while True: pass\n",
    "  import time\n  x = yield\n  time.sleep(9)\n",
    "  x = yield\n  while True:\n    try:\n      while True: pass\n    except Exception: pass\n",
    "  x = yield\n  try:\n    while True: pass\n  except BaseException: pass\n  while True: pass\n",
], ids=["spins", "sleeps", "swallows exceptions", "swallows everything once"])
def test_a_send_that_takes_too_long_is_cut_off(write, body):
    slow = inspect_function(write(f"def slow():\n{body}"), "slow").load()()
    next(slow)

    with pytest.raises(TimeoutError, match=r"^slow took over 0\.05 s$"):
        slow.send("x")
    with pytest.raises(StopIteration):
        slow.send("x")


@pytest.mark.usefixtures("short")
def test_priming_and_closing_are_cut_off_too(write):
    text = ("def a():\n  while True: pass\n  yield\n"
            "def b():\n  try:\n    yield\n  except GeneratorExit:\n    while True: pass\n")
    first = inspect_function(write(text), "a").load()()
    second = inspect_function(write(text), "b").load()()
    next(second)

    with pytest.raises(TimeoutError, match=r"^a took over 0\.05 s$"):
        next(first)
    with pytest.raises(TimeoutError, match=r"^b took over 0\.05 s$"):
        second.close()


@pytest.mark.usefixtures("short")
def test_what_is_done_downstream_is_never_cut_off_in_the_middle(write):
    class Slow(Collect):
        def send(self, item):
            end = time.monotonic() + 0.12
            while time.monotonic() < end:
                pass
            self.append(item)

    passed = Slow()
    stage = inspect_function(write(STAGE), "stage").load()(target=passed)
    next(stage)

    with pytest.raises(TimeoutError, match=r"^stage took over 0\.05 s$"):
        stage.send(line("x"))
    assert ["x"] == [event.text for event in passed]


@pytest.mark.usefixtures("short")
def test_each_of_two_stages_has_its_own_time(write):
    """The one below is cut off; the time it took is not the upper one's."""
    spin = inspect_function(write("def spin():\n  yield\n  while True: pass\n", "spin.py"), "spin").load()()
    next(spin)
    told = []

    class Inlet:
        def send(self, item):
            try:
                spin.send(item)
            except TimeoutError as error:
                told.append(str(error))

    stage = inspect_function(write(STAGE), "stage").load()(target=Inlet())
    next(stage)

    stage.send(line("x"))

    assert ["spin took over 0.05 s"] == told


@pytest.mark.usefixtures("short")
def test_an_error_from_downstream_leaves_the_watch_as_it_was(write):
    class Broken:
        def send(self, item):
            raise KeyError(item)

    stage = inspect_function(write(STAGE), "stage").load()(target=Broken())
    next(stage)

    with pytest.raises(KeyError):
        stage.send(line("x"))


def test_somebody_elses_alarm_goes_on_afterwards(write):
    rung = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        made = inspect_function(write(CLASSIC), "grep").load()("x")
        next(made)
        made.send("y")
        left, every = signal.getitimer(signal.ITIMER_REAL)

        assert 0 < left <= 0.2
        assert 0 == every
        end = time.monotonic() + 5
        while not rung and time.monotonic() < end:
            time.sleep(0.01)
        assert [signal.SIGALRM] == rung
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("short")
def test_a_late_alarm_does_not_escape(write):
    """Sends that take about as long as they may: each is either done or cut off, nothing else is raised."""
    text = "import time\ndef f():\n  while True:\n    time.sleep((yield))\n"
    made = inspect_function(write(text), "f").load()
    done = cut = 0
    for n in range(40):
        one = made()
        next(one)
        try:
            one.send(0.0495 + n * 0.00003)
            done += 1
        except TimeoutError:
            cut += 1

    assert 40 == done + cut


@pytest.mark.usefixtures("short")
def test_off_the_main_thread_nothing_is_cut_off(write):
    passed = []
    text = "import time\ndef f(out):\n  x = yield\n  time.sleep(0.1)\n  out.append(x)\n  yield\n"
    made = inspect_function(write(text), "f").load()(passed)

    def work():
        next(made)
        made.send("x")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert ["x"] == passed


def test_an_alarm_between_two_sends_is_nobodys():
    plugins._alarm(signal.SIGALRM, None)

    assert plugins._watch.late
    plugins._watch.late = False


# --- secrets ----------------------------------------------------------------------------------------


def test_a_secret_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("COROWATCH_TEST", "s3cret")

    assert "s3cret" == secret("env", "COROWATCH_TEST")


@pytest.mark.parametrize(("held", "meant"),
                         [("s3cret", "s3cret"), ("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"),
                                             ("two\nlines\n", "two\nlines"), (" x \n", " x "), ("", "")])
def test_a_secret_comes_from_a_credential_without_its_last_newline(monkeypatch, tmp_path, held, meant):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "smtp").write_bytes(held.encode())

    assert meant == secret("credential", "smtp")


def missing(kind: str, name: str) -> str:
    with pytest.raises(ValueError) as caught:
        secret(kind, name)
    return str(caught.value)


def test_a_secret_that_is_missing_is_told(monkeypatch, tmp_path):
    monkeypatch.delenv("COROWATCH_TEST", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    assert ("${env:COROWATCH_TEST}: the environment has no variable 'COROWATCH_TEST'"
            == missing("env", "COROWATCH_TEST"))
    assert ("${credential:smtp}: $CREDENTIALS_DIRECTORY is not set; a unit needs LoadCredential=smtp:FILE, a "
            "shell CREDENTIALS_DIRECTORY=FOLDER, where smtp is"
            == missing("credential", "smtp"))

    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert (f"${{credential:smtp}}: {tmp_path}/smtp cannot be read: No such file or directory"
            == missing("credential", "smtp"))
    assert f"${{credential:binary}}: {tmp_path}/binary is not UTF-8 text" == missing("credential", "binary")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc/passwd", "a\0b"])
def test_a_credential_has_a_plain_name(monkeypatch, tmp_path, name):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    assert f"${{credential:{name}}}: {name!r} is no name of a credential; it is a plain file name" == missing(
        "credential", name)
