"""A run in a few lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.fit.run_summary import summarize
from mutransfer_cli.search.storage.run import Run
from tests.helpers.run_directories import finished_run


def edge_at_16(width: int, x: float, seed: int) -> float:
    """-6 and -7 are as good as each other, so the optimum is -6.5; at width 16 low rates win."""
    if width == 16:
        return 3 + x
    return 2 + 4 / width + 0.035 * (x + 6.5) ** 2 + 0.01 * seed


def test_a_summary_line_by_line(tmp_path: Path) -> None:
    """2^-6.5 is 0.01105; widths 8 and 32 have the losses 2.5 and 2.125, seeds half of 0.01 more."""
    run = Run.open(finished_run(tmp_path, loss=edge_at_16))
    found = summarize(run)
    lines = [line for line in found.lines if not line.startswith("note: ")]
    notes = [line for line in found.lines if line.startswith("note: ")]
    trials, choice, *rungs, drift, cost, verdict = lines
    assert trials == "42 trials, 0 core-seconds in total"
    assert choice.startswith("choice: lr 0.0110")
    assert ": lowest expected regret at the largest rung with an optimum (width 32)" in choice
    assert rungs[0].startswith("width 8: best lr 0.0110")
    assert rungs[1] == "width 16: no optimum inside its range, lowest loss -6.0000"
    assert rungs[2].startswith("width 32: best lr 0.0110")
    assert drift.startswith("drift of lr: ") and drift.endswith(" octaves per doubling of width")
    assert cost == "taking the smallest rung's optimum to width 32 costs 0.00% of its loss"
    assert verdict.startswith("transfer holds: ")
    assert any(note.startswith("note: width 16 is best at the low end") for note in notes)
    assert found.hyperparameters == fit_run(run).document().hyperparameters
    names = [Path(file).name for file in found.files]
    assert names == ["environment.json", "recipe.yaml", "study.db"]


def test_a_summary_without_an_optimum_names_no_drift(tmp_path: Path) -> None:
    """Low rates win at every width: there is no optimum that could move."""
    found = summarize(Run.open(finished_run(tmp_path, loss=lambda width, x, seed: 9 + x)))
    assert not any(line.startswith("drift") for line in found.lines)
    assert any(line.startswith("transfer inconclusive: no rung has") for line in found.lines)


@pytest.mark.xfail(
    strict=True,
    reason="known limit: the surface's level at the optimum is 0.0001 low here, 2.1299",
)
def test_the_loss_of_a_rung_is_exact_to_four_digits(tmp_path: Path) -> None:
    """The curve's lowest loss at width 32 is 2.125, and the seeds add half of 0.01."""
    run = Run.open(finished_run(tmp_path, loss=edge_at_16))
    (line,) = [line for line in summarize(run).lines if line.startswith("width 32")]
    assert line.endswith("loss 2.1300")
