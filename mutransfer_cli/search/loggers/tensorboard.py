"""Trials as TensorBoard event files, a folder for each: `tensorboard --logdir RUN/tensorboard`."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree

from mutransfer_cli.search.loggers.trial_log import TrialLog

FOLDER = "tensorboard"


class TensorBoardLogger:
    """Writes the curve of a trial as scalars, and its hyperparameters for the HPARAMS tab."""

    def __init__(self, run: Path, study: str) -> None:
        self.folder = run / FOLDER

    def log(self, trial: TrialLog) -> None:
        """Write the trial's folder; an earlier one is replaced."""
        from torch.utils.tensorboard import SummaryWriter

        folder = self.folder / f"{trial.name}-{trial.id}"
        rmtree(folder, ignore_errors=True)
        writer = SummaryWriter(str(folder))
        try:
            for step, loss in trial.curve:
                writer.add_scalar("train/loss", loss, step)
            # "." keeps the hyperparameters in the trial's own folder
            writer.add_hparams(
                {**trial.hyperparameters, "state": trial.outcome},
                {f"trial/{name}": value for name, value in trial.metrics.items()},
                run_name=".",
            )
            if trial.reason is not None:
                writer.add_text("reason", trial.reason)
        finally:
            writer.close()

    def close(self) -> None:
        """Nothing is open between two trials."""
