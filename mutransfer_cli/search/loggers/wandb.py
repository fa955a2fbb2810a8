"""Trials as runs of Weights & Biases, a project for each study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.loggers.trial_log import TrialLog

FOLDER = "wandb"  # in the run directory; the package makes it
ONLINE = "online"


class WandbLogger:
    """Logs each trial as one run of the project that is named like the study.

    With `WANDB_MODE=offline` runs are kept in the run directory: `wandb sync RUN/wandb/offline-*`
    uploads them later.
    """

    def __init__(self, run: Path, study: str) -> None:
        """Log in, where runs are uploaded.

        Args:
            run: The run directory.
            study: The project's name.

        Raises:
            InputError: Nobody is logged in.
        """
        import wandb

        self.run, self.study = run, study
        try:
            if wandb.setup().settings.mode == ONLINE:
                wandb.login()
        except wandb.Error as error:
            said = str(error).rstrip(".")
            raise InputError(
                f"--log wandb: {said}; run `wandb login`, or set WANDB_MODE=offline"
            ) from error

    def log(self, trial: TrialLog) -> None:
        """Log a trial as a run; the id is the trial's, so that a second time resumes it."""
        import wandb

        config: dict[str, Any] = dict(trial.hyperparameters)
        logged = wandb.init(
            project=self.study,
            id=f"{self.study}-{trial.id}",
            name=trial.name,
            group=self.run.name,
            dir=self.run,
            config=config,
            resume="allow",
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
        )
        for step, loss in trial.curve:
            logged.log({"train/loss": loss}, step=step)
        logged.summary.update({**trial.metrics, "state": trial.outcome, "reason": trial.reason})
        logged.finish(exit_code=0 if trial.outcome in {"finished", "pruned"} else 1)

    def close(self) -> None:
        """Nothing is open between two trials."""
