"""stdout carries what a command reports and nothing else, whatever the user's code prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mutransfer_cli.cli.terminal.standard_output import ReportStream
from tests.helpers.warm_start import run_command

LOUD = """
import atexit, ctypes, os, subprocess, sys, threading
import torch
from torch import nn
from torch.nn import functional as F
from mutransfer_cli import Subject

C = ctypes.CDLL(None)

def shout(word):
    print("{", word)
    os.write(1, f"{{ {word} by descriptor\\n".encode())
    C.printf(f"{{ {word} by C\\n".encode())
    print("{", word, file=sys.__stdout__)

shout("import")
subprocess.run(["echo", "{ import by process"], check=True)
atexit.register(shout, "exit")

@atexit.register
def late():
    thread = threading.Thread(target=shout, args=("thread",))
    thread.start()
    thread.join()

class Loud(nn.Sequential):
    def forward(self, x):
        shout("forward")
        return super().forward(x)

def build(width):
    shout("build")
    return Loud(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
                nn.Linear(width, 3))

def loss(model, batch):
    shout("loss")
    return F.cross_entropy(model(batch[0]), batch[1])

def batch(seed):
    shout("batch")
    g = torch.Generator().manual_seed(seed)
    return torch.randn(8, 8, generator=g), torch.randint(0, 3, (8,), generator=g)

def subject(width):
    model = build(width)
    return Subject(model, torch.optim.Adam(model.parameters()), loss, batch)
"""
RECIPE = """
name: loud
model: {build: "loud:build"}
optimizer: {name: adamw, lr: 0.01, weight_decay: 0.0}
data: {source: teacher, d_in: 8, d_out: 3}
base: {width: 8, batch: 16, steps: 8}
ladder: {width: [8, 16, 32]}
search: {space: {lr: {log2: [-9, 3], step: 2}}, seeds: 1, extend: 0}
"""
RUNS = ("sweep", "recipe.yaml", "--run", "run", "--workers", "2")
QUIET = (
    "import mutransfer_cli.cli.arguments.common_options as c\n"
    "from mutransfer_cli.cli.main import main\n"
)


def start(folder: Path, *arguments: str, code: str | None = None) -> tuple[int, str, str]:
    if code is None and arguments[:2] != ("check", "loud:subject"):  # that one has a supervisor
        found = run_command(*arguments, folder=folder)
        return found.returncode, found.stdout, found.stderr
    program = ["-c", code] if code else ["-m", "mutransfer_cli"]
    done = subprocess.run(
        [sys.executable, *program, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a loud model, its recipe, and a run of it."""
    path = tmp_path_factory.mktemp("loud")
    (path / "loud.py").write_text(LOUD)
    (path / "recipe.yaml").write_text(RECIPE)
    code, out, errors = start(path, *RUNS, "--json")
    assert code == 0, errors
    assert json.loads(out)["trials"]["asked"] == 21
    assert "{ loss" not in errors  # the model has no loss of its own
    for word in ("import", "build", "forward", "import by process", "forward by C"):
        assert f"{{ {word}\n" in errors
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ("shapes", "recipe.yaml", "--width", "64"),
        ("check", "recipe.yaml", "--widths", "8,16,32", "--exit-zero"),
        ("check", "loud:subject", "--widths", "8,16,32", "--exit-zero", "--github", "-v"),
        ("sweep", "recipe.yaml", "--dry-run"),
        ("fit", "run", "--exit-zero"),
        ("predict", "run", "--width", "64"),
        ("scale", "run", "--width", "64"),
        ("scale", "recipe.yaml", "--width", "64"),
        ("scale", "recipe.yaml", "--width", "64", "--format", "torch", "-o", "target.py"),
        ("probe", "noise", "recipe.yaml", "--minutes", "0.1", "--exit-zero"),
        ("init", "fresh.yaml", "--model", "loud:build", "--force"),
    ],
    ids=" ".join,
)
def test_json_is_one_document_where_the_model_prints(
    folder: Path, arguments: tuple[str, ...]
) -> None:
    code, out, errors = start(folder, *arguments, "--json")
    assert code == 0, errors
    assert json.loads(out)["schema"].startswith(f"mutransfer/{arguments[0]}/v")
    if arguments[0] not in ("fit", "predict"):  # they do not import the model
        for word in ("import", "import by C", "exit", "exit by C", "thread by descriptor"):
            assert f"{{ {word}\n" in errors


def test_a_printed_configuration_is_pure(folder: Path) -> None:
    code, out, errors = start(folder, "scale", "recipe.yaml", "--width", "64")
    assert code == 0, errors
    assert json.loads(out)["schema"] == "mutransfer/scale/v1"
    assert "{ build" in errors
    _, out, errors = start(folder, "scale", "recipe.yaml", "--width", "64", "--format", "torch")
    compile(out, "target.py", "exec")


def test_a_table_is_on_stdout_and_the_model_on_stderr(folder: Path) -> None:
    _, out, errors = start(folder, "shapes", "recipe.yaml", "--width", "64")
    assert "0.weight" in out and "{ build" not in out
    assert "{ build" in errors and "0.weight" not in errors


def test_without_the_redirection_it_is_no_json(folder: Path) -> None:
    code = f"{QUIET}from contextlib import nullcontext\nc.stdout_for_reports = nullcontext\nmain()"
    _, out, _ = start(folder, "shapes", "recipe.yaml", "--width", "64", "--json", code=code)
    with pytest.raises(json.JSONDecodeError):
        json.loads(out)
    _, out, _ = start(folder, *("shapes", "recipe.yaml", "--json"), code=f"{QUIET}main()")
    assert json.loads(out)["schema"] == "mutransfer/shapes/v1"


@pytest.mark.parametrize("closed", ["2>&-", ">&-"])
def test_closed_streams(folder: Path, closed: str) -> None:
    command = f'"{sys.executable}" -m mutransfer_cli shapes recipe.yaml --json {closed}'
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if closed == ">&-":
        assert done.stdout == ""
    else:
        assert json.loads(done.stdout)["schema"] == "mutransfer/shapes/v1"


def test_a_reader_that_leaves_changes_no_exit_code(tmp_path: Path) -> None:
    """As `mutransfer … | head`: click would exit with 1, which says that the answer is no."""
    for command, code in ((("schema", "recipe"), 0), (("summary", "nowhere"), 2)):
        started = subprocess.Popen(
            [sys.executable, "-m", "mutransfer_cli", *command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert started.stdout is not None and started.stderr is not None
        started.stdout.close()
        errors = started.stderr.read().decode()
        assert started.wait(60) == code, errors
        assert ("nowhere" in errors) == (code == 2) and "Broken pipe" not in errors


def test_what_nobody_reads_is_dropped() -> None:
    reader, writer = os.pipe()
    stream = ReportStream(os.fdopen(writer, "wb"), "utf-8", line_buffering=True)
    stream.write("read\n")
    assert os.read(reader, 100) == b"read\n" and not stream.reader_gone
    os.close(reader)
    assert stream.write("dropped\n") == len("dropped\n") and stream.reader_gone
    stream.close()  # what the buffer still holds raises nothing
