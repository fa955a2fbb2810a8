from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.catalog.laws import LAWS
from mutransfer_cli.fit.law.law_fit import LawRequest, fit_law
from mutransfer_cli.fit.law.run_columns import RunColumns
from mutransfer_cli.report import figure, law_plot
from mutransfer_cli.surface.laws.law_form import LawOptions
from tests.helpers.law_tables import optimum_table


def test_a_panel_for_each_hyperparameter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Optima against the law, on logarithmic axes: twelve sizes, with the diagonal."""
    drawn = []
    monkeypatch.setattr(figure, "save", lambda drawing, path: drawn.extend(drawing.axes))
    runs = RunColumns("runs.csv", optimum_table().columns)
    result = fit_law(runs, LawRequest(LAWS["optimum"], LawOptions()))
    law_plot.plot_law(result, tmp_path / "law.png")
    assert [panel.get_ylabel() for panel in drawn] == ["optimal lr", "optimal batch"]
    assert drawn[0].get_xscale() == drawn[0].get_yscale() == "log"
    assert len(drawn[0].containers[0].lines[0].get_xdata()) == 12
