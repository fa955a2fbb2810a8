"""Tables of runs made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.table_runs import read_runs
from mutransfer_cli.surface.observation import Observation


def read_table(path: Path, **options: Any) -> list[Observation]:
    return read_runs(str(path), **options).observations


def written(folder: Path, text: str) -> Path:
    path = folder / "runs.csv"
    path.write_text(text)
    return path


def test_columns_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "width,lr,loss,seed,std\n64,0.01,2.5,1,0.5\n128,0.02,nan,0,1\n")
    first, second = read_table(path)
    assert (first.width, first.lr, first.loss, first.seed) == (64, 0.01, 2.5, 1)
    assert first.params == {"std": 0.5}
    assert second.loss is None


def test_raw_rates_are_quoted_at_the_base(tmp_path: Path) -> None:
    path = written(tmp_path, "width,lr,loss\n64,0.01,2\n256,0.01,2\n")
    # Adam's hidden rate is base / m: a raw 0.01 at m = 4 is 0.04 at the base
    assert [o.lr for o in read_table(path, lr_is="raw")] == pytest.approx([0.01, 0.04])
    assert [o.lr for o in read_table(path, lr_is="raw", base_width=32)] == pytest.approx(
        [0.02, 0.08]
    )
    assert [o.lr for o in read_table(path, lr_is="raw", optimizer="sgd")] == [0.01, 0.01]
    assert [o.lr for o in read_table(path)] == [0.01, 0.01]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width,loss\n64,2\n", r"runs\.csv:1: no column 'lr'; found width, loss"),
        ("width,lr,loss\n64,abc,2\n", r"runs\.csv:2: lr: expected a positive number, found 'abc'"),
        ("width,lr,loss\n64,0.1,2\n64,-1,2\n", r"runs\.csv:3: lr: .*'-1'"),
        ("width,lr,loss\n64.5,0.1,2\n", r"runs\.csv:2: width: expected a whole number"),
        ("width,lr,loss\n64,0.1,low\n", r"runs\.csv:2: loss: .*'low'"),
        ("width,lr,loss\n", r"runs\.csv: holds no runs"),
        ("", r"runs\.csv: holds no table; expected a header such as width,lr,loss"),
    ],
)
def test_bad_cells_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_table(written(tmp_path, text))


def test_a_rate_of_zero_is_left_out(tmp_path: Path) -> None:
    """Nothing was trained there, and a logarithm does not exist; `law` says the same."""
    path = written(tmp_path, "width,lr,loss\n64,0.01,2\n64,0,3\n64,0.0,3\n64,0.02,2\n")
    runs = read_runs(str(path))
    assert [o.lr for o in runs.observations] == [0.01, 0.02]
    (said,) = runs.understanding.row_lines
    assert said.startswith("ignored 2 rows: lr is 0, which has no logarithm (")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("optimizer", "at_the_base"),
    [
        ("lion", 0.04),  # a sign, as Adam's step: hidden rate = base / m
        ("muon", 0.01),  # spectral norm √(fan_out/fan_in), which a square matrix keeps
        ("adafactor", 0.02),  # relative to an init of 1/√m, aligned sum m: base / √m
    ],
)
def test_raw_rates_follow_the_theory_of_the_optimizer(
    tmp_path: Path, optimizer: str, at_the_base: float
) -> None:
    path = written(tmp_path, "width,lr,loss\n64,0.01,2\n256,0.01,2\n")
    rates = [o.lr for o in read_table(path, lr_is="raw", optimizer=optimizer)]
    assert rates == pytest.approx([0.01, at_the_base])


def test_an_alias_stands_for_a_missing_column(tmp_path: Path) -> None:
    path = written(tmp_path, "d_model,learning_rate,loss\n64,0.01,2.5\n")
    (run,) = read_table(path)
    assert (run.width, run.lr, run.params) == (64, 0.01, {})
    # the control: beside the column itself it is a hyperparameter, where the user says so
    path = written(tmp_path, "width,d_model,lr,loss\n64,32,0.01,2.5\n")
    (run,) = read_table(path, columns=["d_model=d_model"])
    assert (run.width, run.params) == (64, {"d_model": 32})


def test_sizes_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "width,depth,batch,steps,lr,loss\n64,2,16,100,0.01,2.5\n")
    (run,) = read_table(path)
    assert (run.width, run.depth, run.batch, run.steps) == (64, 2, 16, 100)


def test_wrong_options_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, "width,lr,loss\n64,0.01,2.5\n")
    with pytest.raises(InputError, match="--lr-is cooked: expected base or raw"):
        read_table(path, lr_is="cooked")
    with pytest.raises(InputError, match=r"--optimizer: expected adamw .*found 'adamx'"):
        read_table(path, optimizer="adamx")


def test_mixtures_of_one_size_are_not_mixed(tmp_path: Path) -> None:
    """Models of 2.155e9 and 2.156e9 parameters, of which one uses three times as many at once."""
    rows = [f"{n},{a},{lr},2.5\n" for n, a in ((2155, 600), (2156, 200)) for lr in (0.1, 0.2)]
    path = written(tmp_path, "N,Na,lr,loss\n" + "".join(rows))
    with pytest.raises(InputError, match=r"csv:1: params .* differ in Na; take one .*Na=600, or"):
        read_table(path)
    assert {dict(o.further_sizes)["params"] for o in read_table(path, columns=["params=Na"])} == {
        200, 600,
    }  # fmt: skip
    assert len(read_table(path, where=["Na=600"])) == 2
