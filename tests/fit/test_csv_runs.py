"""Tables of runs made elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.csv_runs import read_table


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
        ("", r"runs\.csv:1: no column 'width'; found nothing"),
    ],
)
def test_bad_cells_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_table(written(tmp_path, text))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path / "none.csv")
