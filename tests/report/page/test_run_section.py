"""What the page shows of a run is computed once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.emit import fitted_optima
from mutransfer_cli.emit.scale import scale
from mutransfer_cli.fit import run_fit
from mutransfer_cli.report.page import run_section as room
from mutransfer_cli.search.storage.study import Study
from tests.helpers.run_directories import finished_run


def test_a_run_is_read_and_fitted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished_run(tmp_path / "run")
    calls: list[str] = []

    def counted(name: str, call: object) -> object:
        def counting(*args: object, **options: object) -> object:
            calls.append(name)
            return call(*args, **options)  # type: ignore[operator]  # the counted function

        return counting

    for module in (room, fitted_optima):
        monkeypatch.setattr(module, "fit_run", counted("fit", module.fit_run))
    monkeypatch.setattr(run_fit, "untrained_loss", counted("untrained", run_fit.untrained_loss))
    monkeypatch.setattr(Study, "records", counted("records", Study.records))
    section = room.run_section(str(run), {"width": 64.0}, "a")
    assert section.tensors and section.no_plan is None
    assert calls.count("fit") == calls.count("untrained") == 1
    records = calls.count("records")
    # the control: scale on its own reads and fits the run again, and plans the same tensors
    document = scale(run, width=64).document
    assert calls.count("fit") == 2 and calls.count("records") > records
    assert document.hyperparameters["lr"] == section.fit.hyperparameters["lr"]
    planned = {tensor.name: tensor.lr for tensor in document.tensors}
    assert all(planned[group.tensor.name] == group.tensor.lr for group in section.tensors)
