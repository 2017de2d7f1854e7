"""`corowatch` as a real process that need not import anything first: it is forked by one that has.

    done = run("check", "c.yaml", cwd=folder)         as subprocess.run([sys.executable, "-m", "corowatch", …])
    process = Command("run", "c.yaml", cwd=folder)    as subprocess.Popen, with its options

It has its own arguments, folder, environment, streams, signals and end. An interpreter is started after all where the
environment has variables that one looks at when it starts (PYTHONPATH, LC_ALL). Tests of what else is settled then
start one themselves: closed streams, limits, what is imported, how much memory is taken.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import inspect
import io
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import threading
import time

BESIDES = ("rich.console", "rich.progress", "rich.table", "click.shell_completion")
"""What is imported where it is used, besides our own."""
MOST = 1 << 20
"""Bytes of a request, which holds an environment."""


def run(*words, input=None, timeout=60.0, check=False, **options):  # noqa: A002
    """What became of `corowatch` with these words, as a CompletedProcess. What it says is captured, as text."""
    options = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    if input is not None:
        options["stdin"] = subprocess.PIPE
    with Command(*words, **options) as command:
        try:
            out, err = command.communicate(input, timeout)
        except BaseException:
            command.kill()
            raise
    done = subprocess.CompletedProcess(command.args, command.returncode, out, err)
    if check:
        done.check_returncode()
    return done


class Command(subprocess.Popen):
    """`corowatch` with these words, begun. Raises RuntimeError, here or when it is waited for, if it could not begin.

    What differs from any Popen is how it is begun, and from whom its end is heard: it is a child of who forks.
    """

    def __init__(self, *words, **options):
        self._told = None
        super().__init__([sys.executable, "-m", "corowatch", *map(str, words)], **options)

    def _execute_child(self, *given):
        how = inspect.signature(super()._execute_child).bind(*given).arguments
        environment = dict(os.environ if how["env"] is None else how["env"])
        if _settled(environment) != SETTLED:
            super()._execute_child(*given)
            return
        strange = {name for name in ("preexec_fn", "pass_fds", "shell", "start_new_session") if how[name]}
        assert not strange, f"it is not begun with {strange}"
        self._told, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            request = {"argv": how["args"][2:], "cwd": os.path.abspath(how["cwd"] or ""), "env": environment}
            streams = [number if own == -1 else own
                       for number, own in enumerate((how["p2cread"], how["c2pwrite"], how["errwrite"]))]
            socket.send_fds(_forker(), [json.dumps(request).encode()], [*streams, other.fileno()])
        self._close_pipe_fds(*(how[name] for name in (
            "p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")))
        self.pid = int(self._hear("pid"))
        self._child_created = True

    def _hear(self, what):
        word, _, rest = self._told.recv(MOST).decode().partition(" ")
        if word != what:
            self._told.close()
            self.returncode = os.EX_OSERR  # there is nothing to wait for
            raise RuntimeError(f"{self.args} could not begin: {rest or 'who forks has ended'}")
        return rest

    def _wait(self, timeout):
        if self._told is None:
            return super()._wait(timeout)
        if self.returncode is None:
            self._told.settimeout(timeout)
            try:
                self.returncode = os.waitstatus_to_exitcode(int(self._hear("ended")))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout) from None
            self._told.close()
        return self.returncode

    def _internal_poll(self, *given, **named):
        if self._told is None:
            return super()._internal_poll(*given, **named)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._wait(0.0)
        return self.returncode


def _settled(environment):
    return {name: value for name, value in environment.items() if name.startswith(("PYTHON", "LC_", "LANG", "LD_"))}


SETTLED = _settled(os.environ)
"""What who forks was started with."""


@functools.cache
def _forker():
    """Where to ask for a command. Who forks ends when this is closed, which the end of this process does, too."""
    own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with other:
        process = subprocess.Popen([sys.executable, __file__, str(other.fileno())], stdin=subprocess.DEVNULL,
                                   pass_fds=[other.fileno()])

    @atexit.register
    def end():
        own.close()
        process.wait(10)

    return own


# --- the process that forks -----------------------------------------------------------------------------


def prepare():
    """Import what commands need. What cannot be imported is for the command that needs it to tell."""
    del sys.path[0]  # where this file is; a command's folder takes its place
    import corowatch

    ours = [one.name for one in pkgutil.walk_packages(corowatch.__path__, "corowatch.")]
    for name in {*ours, *BESIDES} - {"corowatch.pytest_plugin"}:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    assert threading.active_count() == 1, "a thread does not outlive a fork"
    gc.freeze()  # else each child looks through it all when it ends


def serve(asked):
    """Fork for each request, until nobody can ask any more. Returns in a child, which is a command then."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # that is for the tests: they end, and then so does this
    children = {}
    while True:
        for ready in select.select([asked, *children], [], [])[0]:
            if ready is not asked:
                pid, answer = children.pop(ready)
                tell(answer, f"ended {os.waitpid(pid, 0)[1]}")
                answer.close()
                os.close(ready)
                continue
            request, streams, _, _ = socket.recv_fds(asked, MOST, 4)
            if not request:
                for pid, _ in children.values():
                    os.kill(pid, signal.SIGKILL)
                sys.exit()
            answer = socket.socket(fileno=streams.pop())
            pid = os.fork()
            if pid == 0:
                asked.close()
                for other, (_, told) in children.items():
                    os.close(other)
                    told.close()
                with answer:
                    try:
                        become(streams, **json.loads(request))
                    except BaseException as error:
                        tell(answer, f"failed {error!r}")
                        os._exit(1)
                return
            for stream in streams:
                os.close(stream)
            tell(answer, f"pid {pid}")
            children[os.pidfd_open(pid)] = pid, answer


def tell(answer, text):
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # who asked does not wait any more
        answer.send(text.encode())


def become(streams, argv, cwd, env):
    """Be what `python -m corowatch` is before it runs anything."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv[:] = argv
    sys.path.insert(0, cwd)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        own = getattr(sys, name)
        stream = io.TextIOWrapper(open(number, "wb" if number else "rb", closefd=False), own.encoding, own.errors,
                                  newline="\n", line_buffering=name == "stderr" or os.isatty(number))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


if __name__ == "__main__":
    prepare()
    serve(socket.socket(fileno=int(sys.argv[1])))
    from corowatch.__main__ import main

    main()
