"""Tables with one column for each learning rate, width or seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.columns.wide_table import one_run_per_row
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn
from mutransfer_cli.fit.tables.table_runs import read_runs


def runs_of(text: str, tmp_path: Path) -> list[tuple[float | None, float, int, float | None]]:
    path = tmp_path / "wide.csv"
    path.write_text(text)
    found = read_runs(str(path)).observations
    return [(o.size("width") or o.size("params"), o.lr, o.seed, o.loss) for o in found]


@pytest.mark.parametrize(
    "header",
    ["width,0.001,2^-9,0.01", "width,lr=0.001,lr=2^-9,lr=0.01", "width / lr,0.001,2^-9,0.01",
     "width \\\\ lr,0.001,2^-9,0.01", "d_model,lr 0.001,lr 2^-9,lr 0.01"],
)  # fmt: skip
def test_a_column_for_each_learning_rate(header: str, tmp_path: Path) -> None:
    """An empty cell is a run that was not made, and `diverged` one that diverged."""
    found = runs_of(f"{header}\n64,3.1,3.0,\n128,2.9,2.8,diverged\n", tmp_path)
    assert found == [
        (64, 0.001, 0, 3.1),
        (64, 2**-9, 0, 3.0),
        (128, 0.001, 0, 2.9),
        (128, 2**-9, 0, 2.8),
        (128, 0.01, 0, None),
    ]


def test_a_loss_for_each_seed(tmp_path: Path) -> None:
    """Beside the mean of the seeds there is a loss already."""
    rows = "64,0.1,3.0,3.2\n"
    for names in ("loss_seed3,loss_seed4", "val_loss (seed 3),val_loss (seed 4)"):
        found = runs_of(f"width,lr,{names}\n{rows}", tmp_path)
        assert found == [(64, 0.1, 3, 3.0), (64, 0.1, 4, 3.2)]
    found = runs_of("width,lr,loss,loss_seed0\n" + rows, tmp_path)
    assert found == [(64, 0.1, 0, 3.0)]


def test_a_column_for_each_width_or_parameter_count(tmp_path: Path) -> None:
    assert runs_of("lr,64,128,256\n0.1,3.0,2.9,2.8\n", tmp_path) == [
        (64, 0.1, 0, 3.0),
        (128, 0.1, 0, 2.9),
        (256, 0.1, 0, 2.8),
    ]
    found = runs_of("lr,N=1e6,N=2e6\n0.1,3.0,2.9\n", tmp_path)
    assert found == [(1e6, 0.1, 0, 3.0), (2e6, 0.1, 0, 2.9)]


def test_a_column_for_each_seed(tmp_path: Path) -> None:
    found = runs_of("width,lr,seed 0,seed 1\n64,0.1,3.0,3.2\n", tmp_path)
    assert found == [(64, 0.1, 0, 3.0), (64, 0.1, 1, 3.2)]


def test_what_was_understood_and_where_runs_stand(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("width,0.001,0.01,0.1\n64,3.1,3.0,\n128,2.9,x,2.7\n")
    with pytest.raises(InputError, match=r"wide\.csv:3, column 0\.01: .* found 'x'"):
        read_runs(str(path))
    path.write_text("width,0.001,0.01,0.1\n64,3.1,3.0,\n128,2.9,2.8,2.7\n")
    note = "the columns 0.001 to 0.1 hold the losses of one lr each; 1 of their cells are empty"
    assert note in read_runs(str(path)).understanding.notes


@pytest.mark.parametrize(
    "names",
    [
        ("width", "lr", "loss", "0.1", "0.2", "0.3"),  # has a loss
        ("lr", "0.1", "0.2", "0.3"),  # widths are whole numbers
        ("a", "0.1", "0.2", "0.3"),  # neither sizes nor rates
        ("width", "0.1", "0.2"),  # two numbers may be anything
        ("width", "0.1", "0.2", "-0.3"),  # no learning rates
        ("width", "lr", "val_loss step 0", "val_loss step 1"),
        ("width", "lr", "beta 1", "beta 2"),
    ],
)
def test_any_other_table_stays_as_it_is(names: tuple[str, ...]) -> None:
    own = RunTable("t", "t:1", tuple(TableColumn(n, ["1"]) for n in names), ["t:2"])
    assert one_run_per_row(own) is own


def test_columns_of_widths_with_remarks(tmp_path: Path) -> None:
    """As people write probes down: `d=256 (35M)`, the best of each column bold with a star."""
    path = tmp_path / "probe.md"
    path.write_text(
        "## Probe ✅\n\n| LR | d=256 (35M) | d=512 (90M) |\n|---|---|---|\n"
        "| 5e-3 | 5.97 | — |\n| **2e-3** | **5.53 ★** | 5.59 |\n| `1e-3` | 5.65 | **`5.44`** |\n"
    )
    found = read_runs(str(path)).observations
    assert [(o.size("width"), o.lr, o.loss) for o in found] == [
        (256, 5e-3, 5.97), (256, 2e-3, 5.53), (512, 2e-3, 5.59), (256, 1e-3, 5.65),
        (512, 1e-3, 5.44),
    ]  # fmt: skip


def test_a_letter_before_a_number_needs_an_equals_sign(tmp_path: Path) -> None:
    """Columns d1 and d2 are no widths."""
    path = tmp_path / "runs.csv"
    path.write_text("lr,d1,d2\n0.1,2.5,2.4\n0.2,2.6,2.5\n")
    with pytest.raises(InputError, match="no column 'width'"):
        read_runs(str(path))
