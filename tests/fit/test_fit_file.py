"""A fit on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.fit_file import read_fit, unreadable_fit, write_fit
from mutransfer_cli.fit.study_fit import fit
from tests.helpers.loss_curves import sweep


def exact(optima: dict[int, float]) -> FitDocument:
    return fit(sweep(np.random.default_rng(0), optima, noise=1e-6))


def test_round_trip(tmp_path: Path) -> None:
    found = exact({32: -6.0, 64: -6.2})
    write_fit(found, tmp_path / "fit.json")
    assert read_fit(tmp_path / "fit.json") == found
    assert unreadable_fit(tmp_path / "fit.json") is None
    assert unreadable_fit(tmp_path / "none.json") is None
    (tmp_path / "fit.json").write_text("{}")
    assert "not a fit" in str(unreadable_fit(tmp_path / "fit.json"))
    with pytest.raises(InputError, match=r"fit\.json: not a fit"):
        read_fit(tmp_path / "fit.json")


def test_a_table_in_place_of_a_fit_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text("width,lr,loss\n64,0.01,2.5\n")
    with pytest.raises(InputError, match=r"runs\.csv: not a fit; .*writes .*runs\.fit\.json$"):
        read_fit(tmp_path / "runs.csv")
    with pytest.raises(InputError, match="No such file"):
        read_fit(tmp_path / "none.csv")
