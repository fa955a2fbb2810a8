"""Each example as a user runs it: emit, train at two widths, check; and what fails without it."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from mutransfer_cli import Subject, check
from mutransfer_cli.emit.scale import scale
from mutransfer_cli.plans.lr_ratio_guard import remove_guard
from mutransfer_cli.plans.serialization import read_document
from mutransfer_cli.search.storage.run import Run
from tests.helpers.slow_cases import slow_except

EXAMPLES = Path(__file__).parents[2] / "examples"
WIDTHS = (64, 128, 256)


@dataclass(frozen=True)
class Example:
    """Its folder, what is emitted for it and whereto, how it is started, what deviates there."""

    folder: str
    format: str
    output: str
    command: tuple[str, ...]
    needs: str = "torch"
    deviations: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.folder


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
BY_WIDTH = ("train.py", "--steps", "12", "--width", "WIDTH")
ALL = [
    Example("plain_loop", "torch", "plan_WIDTH.py", BY_WIDTH),
    Example("trainer_granite", "hf-granite", "granite_WIDTH", BY_WIDTH, "accelerate"),
    Example("lightning", "lightning", "plan_WIDTH.py", BY_WIDTH, "lightning"),
    Example("fsdp2", "json", "plan_WIDTH.json", (*TORCHRUN, *BY_WIDTH)),
    Example("nanogpt", "nanogpt-completep", "config_WIDTH.py",
            ("train.py", "config_WIDTH.py", "--max_iters=12"),
            deviations=frozenset({"schedule at step 1", "bias"})),
    Example("own_program", "json", "plan_WIDTH.json",
            ("train.py", "--steps", "12", "--plan", "plan_WIDTH.json", "--width", "WIDTH")),
]  # fmt: skip


@pytest.fixture
def copy_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Example], Path]]:
    """A copy of an example with its emitted files, as the current folder."""
    before = set(sys.modules)

    def copied(example: Example) -> Path:
        pytest.importorskip(example.needs)
        folder = tmp_path / example.folder
        shutil.copytree(EXAMPLES / example.folder, folder)
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend(str(folder))
        for width in WIDTHS:
            result = scale(Path("recipe.yaml"), width=width, format=example.format)
            deviations = {d.what.split(" of ")[0] for d in result.document.deviations}
            assert deviations == example.deviations
            result.write(folder / example.output.replace("WIDTH", str(width)))
        return folder

    yield copied
    for name in set(sys.modules) - before:  # every example has a module `train`
        if name == "train" or name.startswith(("plan_", "granite_")):
            del sys.modules[name]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, timeout=300,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def imported() -> ModuleType:
    importlib.invalidate_caches()
    sys.modules.pop("train", None)
    return importlib.import_module("train")


def failed(build: Callable[..., Subject]) -> set[str]:
    return {t.name for t in check(build, WIDTHS).tensors if t.verdict == "fail"}


@pytest.mark.parametrize("width", [pytest.param("64", marks=pytest.mark.slow), "128"])
@pytest.mark.parametrize("example", ALL, ids=str)
def test_it_trains(example: Example, width: str, copy_example: Callable[[Example], Path]) -> None:
    copy_example(example)
    found = run(*(word.replace("WIDTH", width) for word in example.command))
    losses = [float(x) for x in re.findall(r"loss ([0-9.]+)", found.stdout)]
    assert losses and all(0 < loss < 6 for loss in losses)  # ln 256 = 5.55
    if len(losses) == 2:
        assert losses[1] < losses[0]


@pytest.mark.parametrize(
    "example", slow_except([e for e in ALL if str(e) != "trainer_granite"], ALL), ids=str
)
def test_it_is_what_theory_asks_for(
    example: Example, copy_example: Callable[[Example], Path]
) -> None:
    """The check passes the example's own model and optimizer; with one rate for all it fails."""
    copy_example(example)
    module = imported()
    report = check(module.build, WIDTHS)
    assert report.passed, report.document.reason

    def misled(width: int, seed: int) -> Subject:
        subject = module.build(width, seed)
        remove_guard(subject.optimizer)  # it would refuse
        for group in subject.optimizer.param_groups:
            group["lr"] = 0.003
        return subject

    found = failed(misled)
    hidden = {"2.weight", "second.weight", "blocks.0.weight", "blocks.0.1.weight",
              "h.0.mlp.c_fc.weight", "model.layers.0.mlp.up_proj.weight"}  # fmt: skip
    assert found & hidden


def test_the_check_as_a_command(copy_example: Callable[[Example], Path]) -> None:
    copy_example(ALL[0])
    assert "pass: all 14 tensors" in run("-m", "mutransfer_cli", "check", "train:build").stdout


@pytest.mark.slow
def test_one_process_and_two_give_the_same_losses(copy_example: Callable[[Example], Path]) -> None:
    copy_example(ALL[3])
    told = [run(*TORCHRUN[:-1], str(count), *BY_WIDTH[:-1], "64").stdout for count in (1, 2)]
    assert told[0] == told[1] and "step 11 loss" in told[0]


def test_the_own_program_is_swept(copy_example: Callable[[Example], Path]) -> None:
    """Two rates, one seed, two widths: four programs; from their run, a plan with its origin."""
    folder = copy_example(ALL[5])
    less = ("search.seeds=1", "search.extend=0", "lr={log2: [-9, -5], step: 4}")
    sets = [w for s in less for w in ("--set", s.replace("lr=", "search.space.lr="))]
    done = run("-m", "mutransfer_cli", "sweep", "recipe.yaml", "--json", *sets)
    document = json.loads(done.stdout)
    assert document["trials"] == {
        "asked": 4, "finished": 4, "pruned": 0, "diverged": 0, "failed": 0,
    }  # fmt: skip
    losses = {
        (r.width, r.params["lr"]): r.loss for r in Run.open(folder / "runs/own-program").records
    }
    assert all((losses[w, 2**-5] or 9) < (losses[w, 2**-9] or 0) for w in (32, 64))
    trial = next((folder / "runs/own-program/trials").iterdir())
    assert read_document(trial / "plan.json").target.width in (32, 64)
