"""Fits of tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.fit.table_fit import default_output, fit_table


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("a/runs.csv", "a/runs.fit.json"),
        ("sqlite:///a/study.db", "a/study.fit.json"),
        ("sqlite:////a/study.db", "/a/study.fit.json"),
        ("journal:a/log", "a/log.fit.json"),
        ("postgresql://user:word@host/runs?x=1", "runs.fit.json"),
    ],
)
def test_the_fit_is_written_beside_the_table(source: str, output: str) -> None:
    assert default_output(source) == Path(output)


def test_the_document_tells_what_was_read(tmp_path: Path) -> None:
    rows = [f"{w},2^{x},{2 + (x + 6) ** 2 / 50},{w}{x}" for w in (64, 128) for x in range(-9, -3)]
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(["d_model,lr,val_loss,runtime", *rows, "64,2^-2,,1"]))
    document = fit_table(str(path)).document()
    assert document.used == {"width": "d_model", "lr": "lr", "loss": "val_loss"}
    assert [(item.what, item.name, item.reason) for item in document.ignored] == [
        ("column", "runtime", "time"),
        ("row", f"{path}:14", "no loss"),
    ]
    assert f"ignored 1 row: no loss ({path}:14)" in document.notes
    assert document.axes["width"].drift is not None


def test_models_by_parameters_have_an_axis(tmp_path: Path) -> None:
    rows = [f"{n},2^{x},{2 + (x + 6) ** 2 / 50}" for n in ("1M", "4M") for x in range(-9, -3)]
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(["params,lr,loss", *rows]))
    document = fit_table(str(path)).document()
    assert list(document.axes) == ["params"]
    assert [(rung.width, rung.params) for rung in document.rungs] == [(None, 1e6), (None, 4e6)]
