"""Loss curves in the formats that loggers write: the same curve, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.curves.curve_table import curves_of_table

LOSSES = [4.0, 3.0, 2.5, 2.25]
STEPS = {"plain": "step,loss", "tokens": "Tokens Seen,Train Loss", "megatron": "iteration,lm loss"}
FORMATS = {name: [header, *(f"{i},{v}" for i, v in enumerate(LOSSES))] for name, header in
           STEPS.items()} | {
    "W&B's chart": ["Step,calm-1 - train/loss,calm-1 - train/loss__MIN,calm-1 - train/loss__MAX",
                    *(f"{i},{v},0,9" for i, v in enumerate(LOSSES))],
    "W&B's history": ["_step,_runtime,train/loss,eval/loss",
                      *(f"{i},1.5,{v},{'' if i else 7}" for i, v in enumerate(LOSSES))],
    "Hugging Face": ["epoch,eval_loss,loss,train/global_step",
                     *(f"0.1,,{v},{i}" for i, v in enumerate(LOSSES)), "0.1,3,,3"],
    "Lightning": ["epoch,step,train_loss_epoch,train_loss_step,loss",
                  *(f"0,{i},,{v}," for i, v in enumerate(LOSSES)), "0,3,9,,"],
    "TensorBoard": ["Wall time,Step,Value", *(f"1e9,{i},{v}" for i, v in enumerate(LOSSES))],
    "resumed": ["step,loss", "0,4.0", "1,3.0", "2,2.9", "2,2.5", "3,2.25"],
}  # fmt: skip


def read(tmp_path: Path, *lines: str) -> list[tuple[str, list[float]]]:
    path = tmp_path / "c.csv"
    path.write_text("\n".join(lines) + "\n")
    return [(c.name, c.losses.tolist()) for c in curves_of_table(path)]


@pytest.mark.parametrize("form", FORMATS)
def test_it_reads_what_loggers_write(form: str, tmp_path: Path) -> None:
    ((name, losses),) = read(tmp_path, *FORMATS[form])
    assert losses == LOSSES and name == ("calm-1" if form == "W&B's chart" else "")


def test_two_runs_side_by_side(tmp_path: Path) -> None:
    rows = [f"{i},{v},{2 * v}" for i, v in enumerate(LOSSES)]
    found = dict(read(tmp_path, "Step,a - train/loss,b - train/loss", *rows))
    assert found == {"a": LOSSES, "b": [2 * v for v in LOSSES]}


def test_a_single_loss_that_is_not_finite_is_left_out(tmp_path: Path) -> None:
    ((_, losses),) = read(tmp_path, "step,loss", "0,4", "1,nan", "2,2.5", "3,2.25")
    assert losses == [4.0, 2.5, 2.25]


def test_a_run_that_ends_in_nan_has_diverged(tmp_path: Path) -> None:
    """It is not the shorter run that its finite losses would make; without a loss, it is."""
    with pytest.raises(InputError, match="has diverged: no loss after step 1 is finite"):
        read(tmp_path, "step,loss", "0,4", "1,3", "2,nan", "3,inf")
    assert read(tmp_path, "step,loss", "0,4", "1,3", "2,", "3,") == [("", [4.0, 3.0])]


def test_steps_may_have_gaps(tmp_path: Path) -> None:
    """Steps 0, 1, 2 and 8 of 9: each at the middle of its step."""
    path = tmp_path / "c.csv"
    path.write_text("step,loss\n0,4\n1,3\n2,2.5\n8,2\n")
    (curve,) = curves_of_table(path, 0.25)
    np.testing.assert_allclose(curve.progress, 0.25 * (np.array([0, 1, 2, 8]) + 0.5) / 9)
