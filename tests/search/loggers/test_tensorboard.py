from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("tensorboard", reason="the package tensorboard is not installed")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mutransfer_cli.search.loggers.tensorboard import TensorBoardLogger
from mutransfer_cli.search.loggers.trial_log import TrialLog
from mutransfer_cli.search.storage.run import Run
from tests.helpers.sweeps import TRIALS, run_sweep, write_recipe


def test_a_sweep_as_event_files(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run_sweep(write_recipe(tmp_path), run, loggers=["tensorboard"])
    folders = {folder.name: folder for folder in (run / "tensorboard").iterdir()}
    records = Run.open(run).records
    assert len(folders) == TRIALS == len(records)
    for record in records:
        trial = TrialLog.of(record)
        events = EventAccumulator(str(folders[f"{trial.name}-{trial.id}"])).Reload()
        curve = events.Scalars("train/loss")
        assert [e.step for e in curve] == [step for step, _ in record.curve]
        assert [e.value for e in curve] == pytest.approx([loss for _, loss in record.curve])
        assert events.Scalars("trial/loss")[0].value == pytest.approx(record.loss)
        started = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
        assert b"state" in started and b"finished" in started and b"width" in started


def test_a_trial_that_is_logged_again_replaces_itself(tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path, "study")
    for outcome, reason in (("failed", "killed"), ("finished", None)):
        logger.log(TrialLog("ab", "t", {"lr": 0.5}, ((0, 2.0), (1, 1.0)), outcome, {}, reason))
    logger.close()
    (folder,) = (tmp_path / "tensorboard").iterdir()
    events = EventAccumulator(str(folder)).Reload()
    assert len(events.Scalars("train/loss")) == 2
    assert "reason/text_summary" not in events.Tags()["tensors"]
