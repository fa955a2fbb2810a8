"""How the end of a trial becomes a record, and what a sweep logs of its trials."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, record_of
from mutransfer_cli.search.pruning.decision import Pruning
from mutransfer_cli.search.record import describe
from mutransfer_cli.search.sweep import sweep
from mutransfer_cli.train.trial_result import Result
from tests.helpers.sweeps import RECIPE

JOB = Job(Size(8, 1, 4, 100), 3, (("lr", 0.1),))
CURVE = tuple((step, 1.0) for step in range(50))


def test_a_pruned_trial_costs_what_it_trained() -> None:
    """By hand: 50 of 100 steps; checks at an eighth, a quarter and a half, in tens of steps."""
    result = Result("pruned", None, CURVE, 2.0, "halving: loss 1")
    reports = Pruning("halving", 0.0).reports(JOB.size, CURVE)
    record = record_of(JOB, result, 1e6, reports)
    assert (record.flops, record.key, record.outcome) == (0.5e6, JOB.key, "pruned")
    assert [step for step, _ in record.reports] == [20, 30, 50]
    none = Pruning("none", 0.0).reports(JOB.size, CURVE)
    whole = record_of(JOB, Result("finished", 1.0, CURVE, 2.0), 1e6, none)
    assert (whole.flops, whole.reports) == (1e6, ())


def test_a_line_says_how_a_trial_ended() -> None:
    finished = record_of(JOB, Result("finished", 1.0, (), 2.0), 1.0, ())
    assert describe(finished) == "width 8 seed 3 lr=0.1: loss 1.0000 (2.0 s)"
    failed = record_of(JOB, Result("failed", None, (), 2.0, "exit 1"), 1.0, ())
    assert describe(failed) == "width 8 seed 3 lr=0.1: failed: exit 1 (2.0 s)"


def test_a_sweep_logs_its_decisions(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The study, how trials are grouped and why, and which worker trains them; nothing else."""
    caplog.set_level(logging.INFO, "mutransfer_cli.search")
    recipe = loads(RECIPE.replace("STEPS", "5").replace("[8, 16]", "[8]"))
    sweep(recipe, tmp_path / "run", device="cpu", workers=1, engine="population:3")
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("mutransfer_cli.search")]
    assert any(line.startswith("study small in ") for line in lines)
    assert "engine: width 8 trains in populations of up to 3: --engine population:3" in lines
    assert "width 8: 6 trials in groups of [3, 3]" in lines
    assert sum(line.startswith("width 8: 3 trials to worker ") for line in lines) == 2
    assert all("\n" not in line for line in lines) and len(lines) < 10
