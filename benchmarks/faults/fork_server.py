"""Runs commands by the hundred: forks of one process that has TensorFlow loaded.

    python -m benchmarks.faults.fork_server

It is started by `ForkServer` and reads one JSON request a line. Each command runs in a
process of its own, as `python -m MODULE ARGUMENTS` would, but without the seconds that
importing TensorFlow takes. What only shows in a new process (the order of imports, the
end of the interpreter) is covered by `fresh`, which starts one.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib
import json
import os
import resource
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Address space of a command: no input may exhaust the machine.
_MEMORY = 6 << 30
# So much of its output is kept.
_SHOWN = 200_000
# Seconds to end in, after a signal that asks for it.
_GRACE = 60.0
_PRELOADED = (
    "framework.main",
    "framework.launch.run",
    "framework.diagnose.conclude",
    "PIL.Image",
    "scipy.stats",
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome of a command.

    Attributes:
        code: Its exit code; negative for a signal; None if the time limit ended it.
        stdout: The start of its output.
        stderr: The start of its error output.
        seconds: How long it took.
    """

    code: int | None
    stdout: bytes
    stderr: bytes
    seconds: float


class ForkServer:
    """One process with TensorFlow loaded, which forks a child for each command.

    Not safe for use by several threads.
    """

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.faults.fork_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self,
        module: str,
        arguments: Sequence[str],
        folder: Path,
        limit: float,
        variables: Mapping[str, str] | None = None,
        stop: int = 0,
    ) -> Outcome:
        """Runs `python -m module arguments` in a fork.

        Args:
            module: What to run.
            arguments: Its command line.
            folder: The working directory.
            limit: Seconds after which the command is killed.
            variables: Added to the environment.
            stop: A signal to send it then; it has a minute to end.
        """
        with tempfile.TemporaryDirectory() as place:
            files = [Path(place, name) for name in ("stdout", "stderr")]
            request = {
                "module": module,
                "arguments": [_text(each) for each in arguments],
                "folder": str(folder),
                "files": list(map(str, files)),
                "limit": limit,
                "variables": dict(variables or {}),
                "stop": int(stop),
            }
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
            if not answer:
                raise RuntimeError("the fork server has ended")
            return _outcome(*files, **json.loads(answer))

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def __enter__(self) -> ForkServer:
        """Returns itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the process."""
        self.close()


def fresh(
    module: str,
    arguments: Sequence[str],
    folder: Path,
    limit: float,
    variables: Mapping[str, str] | None = None,
) -> Outcome:
    """Runs `python -m module arguments` in a new process; see `ForkServer.run`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(variables or {})}
    with tempfile.TemporaryDirectory() as place:
        files = [Path(place, name) for name in ("stdout", "stderr")]
        begun = time.perf_counter()
        with files[0].open("wb") as stdout, files[1].open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *map(_text, arguments)],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                preexec_fn=_limit_memory,
            )
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                code = None
        return _outcome(*files, code, time.perf_counter() - begun)


def _text(argument: str) -> str:
    """Returns an argument up to its first NUL, as a process receives it."""
    return argument.split("\0")[0]


def _outcome(stdout: Path, stderr: Path, code: int | None, seconds: float) -> Outcome:
    texts = []
    for path in (stdout, stderr):
        with path.open("rb") as file:
            texts.append(file.read(_SHOWN))
    return Outcome(code, *texts, seconds)


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _serve() -> None:
    """Answers requests until there are no more."""
    _preload()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        begun = time.perf_counter()
        child = os.fork()
        if not child:
            _be_the_command(request)
        code = _wait(child, request["limit"], request["stop"])
        seconds = time.perf_counter() - begun
        answers.write(json.dumps({"code": code, "seconds": seconds}) + "\n")
        answers.flush()


def _preload() -> None:
    """Imports what commands need, and computes nothing: a fork has no threads."""
    for name in _PRELOADED:
        importlib.import_module(name)
    # Importing the framework puts these off until an attribute is read.
    _ = sys.modules["tensorflow"].__version__, sys.modules["keras"].__version__
    gc.collect()
    # A collection in a fork would copy every page.
    gc.freeze()


def _wait(child: int, limit: float, stop: int) -> int | None:
    """Returns a child's exit code; None if it had to be killed."""
    handle = os.pidfd_open(child)
    ended, _, _ = select.select([handle], [], [], limit)
    if not ended and stop:
        os.kill(child, stop)
        ended, _, _ = select.select([handle], [], [], _GRACE)
    os.close(handle)
    if not ended:
        os.killpg(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status) if ended else None


def _be_the_command(request: dict) -> None:
    """Turns this fork into a command; does not return."""
    os.setsid()
    # A shell that started the fuzzer in the background has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = 70
    try:
        for number, path in enumerate(request["files"], start=1):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, number)
            os.close(handle)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(request["folder"])
        os.environ.update(request["variables"])
        _limit_memory()
        sys.path[0] = request["folder"]
        sys.path.append(str(ROOT))
        code = _code_of(request["module"], request["arguments"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        # The interpreter's end frees all of TensorFlow, which takes most of a second.
        os._exit(code)


def _code_of(module: str, arguments: Sequence[str]) -> int:
    """Returns the exit code that Python would end with."""
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    _serve()
