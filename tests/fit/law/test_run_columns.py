from __future__ import annotations

from pathlib import Path

import numpy as np

from mutransfer_cli.fit.law.run_columns import known_name, read_columns
from tests.helpers.law_tables import CHINCHILLA_POINTS


def test_columns_by_usual_names(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("# a comment\nN,D,smooth_loss,bs\n1e8,2e9,3.0,64\n2e8,2e9,,64\n")
    runs = read_columns(str(path))
    assert runs.columns["params"].tolist() == [1e8, 2e8]
    assert np.isnan(runs.columns["loss"][1])
    assert "params from N" in runs.notes[0]
    assert len(read_columns(str(path), ("loss",)).columns["loss"]) == 1


def test_the_published_points_are_read() -> None:
    runs = read_columns(str(CHINCHILLA_POINTS), ("loss",), where=["loss<3.42"])
    assert len(runs.columns["loss"]) == 240  # of 245, without the five highest losses


def test_names_of_roles() -> None:
    assert known_name("N", {"params": 0}) == "params"
    assert known_name("N", {"N": 0, "params": 0}) == "N"
    assert known_name("other", {"params": 0}) == "other"
    assert known_name("Na", {"na": 0, "params": 0}) == "na"  # as the file's header spells it
    assert known_name("adam_beta2", {"beta2": 0}) == "beta2"
    assert known_name("adam_beta2", {"adam_beta2": 0}) == "adam_beta2"
