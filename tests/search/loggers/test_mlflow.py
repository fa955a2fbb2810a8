from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("mlflow", reason="the package mlflow is not installed")

from mlflow.tracking import MlflowClient

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.loggers import mlflow as logger_module
from mutransfer_cli.search.loggers.mlflow import MlflowLogger, tracking_address
from mutransfer_cli.search.loggers.trial_log import TrialLog

TRIAL = TrialLog(
    "0123456789ab", "width-8", {"lr": 0.5, "width": 8}, ((0, 2.0), (3, 1.0)), "finished",
    {"loss": 0.75}, None,
)  # fmt: skip
FAILED = TrialLog("ba9876543210", "width-9", {"lr": 1.0}, (), "diverged", {}, "loss is NaN")


@pytest.fixture(params=["files", "database"])
def run(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    if request.param == "files":
        monkeypatch.setattr(logger_module, "find_spec", lambda package: None)
    elif find_spec("sqlalchemy") is None:
        pytest.skip("mlflow is installed without SQLAlchemy")
    return tmp_path


def test_trials_as_runs(run: Path) -> None:
    for trials in ((TRIAL,), (TRIAL, FAILED)):  # the second call replaces the first's run
        logger = MlflowLogger(run, "study")
        for trial in trials:
            logger.log(trial)
        logger.close()
    client = MlflowClient(tracking_uri=tracking_address(run))
    experiment = client.get_experiment_by_name("study")
    runs = {r.info.run_name: r for r in client.search_runs([experiment.experiment_id])}
    assert runs.keys() == {"width-8", "width-9"}
    good, bad = runs["width-8"], runs["width-9"]
    curve = client.get_metric_history(good.info.run_id, "train/loss")
    assert sorted((m.step, m.value) for m in curve) == [(0, 2.0), (3, 1.0)]
    assert good.data.params == {"lr": "0.5", "width": "8"}
    assert good.data.metrics["loss"] == 0.75
    assert (good.info.status, good.data.tags["state"]) == ("FINISHED", "finished")
    assert (bad.info.status, bad.data.tags["reason"]) == ("FAILED", "loss is NaN")


def test_the_variable_of_the_package_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracker:5000")
    assert tracking_address(tmp_path) == "http://tracker:5000"


def test_a_store_that_cannot_be_opened_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "ftp://nowhere")
    with pytest.raises(InputError, match="--log mlflow: ftp://nowhere"):
        MlflowLogger(tmp_path, "study")
