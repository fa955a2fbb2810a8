"""Code that ends or crashes the process gives exit 2 with the reason, never a verdict."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

USER = """
import atexit, ctypes, os, signal, sys
import torch
from torch import nn
from torch.nn import functional as F
from mutransfer_cli import Subject

def batch(seed):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(8, 4, generator=g), torch.randint(0, 3, (8,), generator=g)

def plain(model, b):
    return F.cross_entropy(model(b[0]), b[1])

def subject(width, loss=plain, batch=batch):
    inner = nn.Linear(width, width)
    model = nn.Sequential(nn.Linear(4, width), nn.ReLU(), inner, nn.Linear(width, 3))
    return Subject(model, torch.optim.Adam(model.parameters()), loss, batch)

def wrong(width):
    return subject(width)

def exits(width):
    return subject(width, lambda model, b: sys.exit(0))

def exits_in_batch(width):
    return subject(width, batch=lambda seed: sys.exit(0))

def raises_in_batch(width):
    return subject(width, batch=lambda seed: 1 / 0)

def leaves(width):
    return subject(width, lambda model, b: os._exit(0))

def crashes(width):
    return subject(width, lambda model, b: os.kill(os.getpid(), signal.SIGSEGV))

def ends_itself(width):
    return subject(width, lambda model, b: os.kill(os.getpid(), signal.SIGTERM))

class Unusual(BaseException):
    pass

def raises_no_exception(width):
    def loss(model, b):
        raise Unusual("odd")
    return subject(width, loss)

def closes_stdout(width):
    sys.stdout.close()
    return subject(width)

def leaves_at_the_end(width):
    atexit.register(os._exit, 0)
    return subject(width)
"""


def run(folder: Path, target: str, *options: str) -> tuple[int, str]:
    (folder / "user.py").write_text(USER)
    (folder / "exiting.py").write_text("import sys\nsys.exit(0)\n")
    (folder / "meta.py").write_text(
        "import sys, threading, time, torch\n"
        "from user import wrong\n"
        "torch.set_default_device('meta')\n"
        "sys.setrecursionlimit(80)  # less than torch needs\n"
        "threading.Thread(target=time.sleep, args=(900,)).start()  # longer than the timeout\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mutransfer_cli", "check", target, "--widths", "8,16,32", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""


def ended(script: str) -> tuple[int, str]:
    """The exit code and standard error of a Python script that imports this package."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("exiting:build", "called sys.exit(0)"),
        ("user:exits", "called sys.exit(0)"),
        pytest.param("user:exits_in_batch", "called sys.exit(0)", marks=pytest.mark.slow),
        pytest.param("user:raises_in_batch", "ZeroDivisionError", marks=pytest.mark.slow),
        ("user:leaves", "ended the process with code 0"),
        ("user:crashes", signal.Signals.SIGSEGV.name),
        pytest.param("user:ends_itself", signal.Signals.SIGTERM.name, marks=pytest.mark.slow),
        ("user:raises_no_exception", "Unusual: odd"),
    ],
)
def test_the_end_of_the_process_is_no_verdict(tmp_path: Path, target: str, reason: str) -> None:
    code, line = run(tmp_path, target)
    assert code == 2
    assert line.startswith("mutransfer: error:")
    assert reason in line


@pytest.mark.parametrize("target", ["user:closes_stdout", "meta:wrong"])
def test_what_code_does_to_its_process_changes_no_verdict(tmp_path: Path, target: str) -> None:
    assert run(tmp_path, target)[0] == 1  # as `user:wrong` below


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_from_outside_interrupts_it(number: signal.Signals) -> None:
    """The control of code that ends itself: whoever asks for the end gets no verdict's code."""
    script = (
        "import os, signal, time\n"
        "from mutransfer_cli.cli.supervision import supervised\n"
        "parent = os.getpid()\n"
        "def command():\n"
        f"    signal.signal({int(number)}, signal.SIG_DFL)\n"
        f"    os.kill(parent, {int(number)})\n"
        "    time.sleep(30)\n"
        "    return 0\n"
        "supervised('user:build', command)\n"
    )
    assert ended(script) == (130, "mutransfer: interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_group_that_is_signalled_is_interrupted_once(number: signal.Signals) -> None:
    """`timeout` signals a command and its group: the child gets what is forwarded once more.

    Here the second comes while an error is handled, and after the first.
    """
    script = (
        "import os, signal, sys, time\n"
        "from mutransfer_cli.cli import main\n"
        "from mutransfer_cli.cli.supervision import supervised\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it\n"
        "parent = os.getpid()\n"
        "def twice():\n"
        "    try:\n"
        f"        os.kill(parent, {int(number)})\n"
        "        time.sleep(30)\n"
        "    finally:\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "def app(**options):\n"
        "    return supervised('user:build', twice)\n"
        "main.app, ending = app, main.end_interrupted\n"
        "def interrupted(error):\n"
        "    main.end_interrupted = ending\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "main.end_interrupted = interrupted\n"
        "main.main()\n"
    )
    assert ended(script) == (130, "mutransfer: interrupted\n")


def test_a_child_that_python_ended_by_sigint_was_interrupted() -> None:
    """Whatever the signal from outside was, an interruption that nobody handles ends in SIGINT."""
    script = (
        "import os, signal, time\n"
        "from mutransfer_cli.cli.supervision import supervised\n"
        "parent = os.getpid()\n"
        "def command():\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "    os.kill(parent, signal.SIGTERM)\n"
        "    time.sleep(1)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "supervised('user:build', command)\n"
    )
    assert ended(script) == (130, "mutransfer: interrupted\n")


def test_the_verdict_counts_whatever_happens_after_it(tmp_path: Path) -> None:
    assert run(tmp_path, "user:leaves_at_the_end")[0] == run(tmp_path, "user:wrong")[0] == 1


def test_exit_zero_holds_for_user_code_too(tmp_path: Path) -> None:
    assert run(tmp_path, "user:wrong", "--exit-zero")[0] == 0
    assert run(tmp_path, "user:raises_in_batch", "--exit-zero")[0] == 2


def test_sigterm_interrupts_any_command() -> None:
    """A batch system's SIGTERM is Ctrl-C: 130, not 143."""
    script = (
        "import os, signal, sys\n"
        "from mutransfer_cli.cli import main\n"
        "main.app = lambda **options: os.kill(os.getpid(), signal.SIGTERM)\n"
        "main.main()\n"
    )
    assert ended(script) == (130, "mutransfer: interrupted\n")
