"""Commands in processes of their own, forked from one that has imported torch already."""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

SLOW_IMPORTS = (
    "torch._dynamo",  # the first optimizer imports it
    "optuna.storages",
    "alembic.op",
    "mutransfer_cli.fit.sweep_choice",
    "mutransfer_cli.cli.main",
)


class WarmStart:
    """A process that waits; each command is a fork of it, with its own streams and folder.

    Args:
        environment: Variables of the waiting process and so of every command.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=None if environment is None else dict(environment),
        )

    def run(
        self,
        *arguments: object,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """What `mutransfer ARGUMENTS` gives, started in a folder, with further variables."""
        words = [str(argument) for argument in arguments]
        assert self.process.stdin is not None and self.process.stdout is not None
        with tempfile.TemporaryDirectory() as streams:
            request = {
                "arguments": words,
                "folder": str(folder or Path.cwd()),
                "streams": streams,
                "environment": dict(environment or {}),
            }
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            code = int(self.process.stdout.readline())
            out, errors = (Path(streams, name).read_text() for name in ("out", "err"))
        return subprocess.CompletedProcess(["mutransfer", *words], code, out, errors)

    def close(self) -> None:
        """End the waiting process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)


@cache
def started_once() -> WarmStart:
    """One for all tests of a process; it ends with them."""
    return WarmStart()


def run_command(
    *arguments: object, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What `mutransfer ARGUMENTS` gives, started in a folder, with further variables."""
    return started_once().run(*arguments, folder=folder, environment=environment)


def become_command(request: dict[str, Any]) -> None:
    """Take the streams, the folder and the arguments of a command, and run it to its exit."""
    os.chdir(request["folder"])
    os.environ.update(request["environment"])
    names = (os.devnull, f"{request['streams']}/out", f"{request['streams']}/err")
    for number, name in enumerate(names):
        opened = os.open(name, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["mutransfer", *request["arguments"]]
    sys.path[0] = request["folder"]  # as `python -m` has it
    from mutransfer_cli.cli.main import main

    try:
        main()
    except SystemExit as ended:
        end(int(ended.code or 0))


def end(code: int) -> None:
    """Do at exit what Python does, but for taking its modules apart: after a fork it takes 1 s."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)
    os._exit(code)


def wait_for_commands() -> None:
    """Fork for each line on stdin; answer with the exit code of the fork."""
    for name in SLOW_IMPORTS:
        __import__(name)
    gc.freeze()  # a collection in a fork would copy all of these modules
    answers = os.dup(1)
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            os.close(answers)
            become_command(json.loads(line))
            return
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(answers, f"{code}\n".encode())


if __name__ == "__main__":
    wait_for_commands()
