"""Trials as runs of MLflow, an experiment for each study."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.loggers.trial_log import TrialLog

ADDRESS = "MLFLOW_TRACKING_URI"
FILE_STORE_ALLOWED = "MLFLOW_ALLOW_FILE_STORE"  # read by MLflow 3.7 and newer
DATABASE, FOLDER = "mlflow.db", "mlflow"  # in the run directory
ID = "mutransfer.trial"
STATES = {"finished": "FINISHED", "pruned": "KILLED"}
POINTS_PER_CALL = 1000  # MLflow's own limit


def tracking_address(run: Path) -> str:
    """Where trials are logged: at MLFLOW_TRACKING_URI, else in the run directory.

    There it is a SQLite database, or files where the package is installed without SQLAlchemy
    (mlflow-skinny). A run keeps the store that it has.
    """
    address = os.environ.get(ADDRESS)
    if address:
        return address
    folder = run.resolve() / FOLDER
    if folder.is_dir() or find_spec("sqlalchemy") is None:
        os.environ.setdefault(FILE_STORE_ALLOWED, "true")
        return folder.as_uri()
    return f"sqlite:///{run.resolve() / DATABASE}"


class MlflowLogger:
    """Logs each trial as one run of the experiment that is named like the study."""

    def __init__(self, run: Path, study: str) -> None:
        """Connect to the store.

        Args:
            run: The run directory.
            study: The experiment's name.

        Raises:
            InputError: The store cannot be reached or read.
        """
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        address = tracking_address(run)
        try:
            self.client = MlflowClient(tracking_uri=address)
            experiment = self.client.get_experiment_by_name(study)
            self.experiment: str = (
                experiment.experiment_id
                if experiment is not None
                else self.client.create_experiment(
                    study, artifact_location=(run.resolve() / FOLDER / "artifacts").as_uri()
                )
            )
        except MlflowException as error:
            raise InputError(f"--log mlflow: {address}: {error}") from error

    def log(self, trial: TrialLog) -> None:
        """Log a trial as a run; an earlier run of the same trial is deleted."""
        from mlflow.entities import Metric, Param, RunTag

        condition = f"tags.`{ID}` = '{trial.id}'"
        for earlier in self.client.search_runs([self.experiment], condition):
            self.client.delete_run(earlier.info.run_id)
        run = self.client.create_run(self.experiment, tags={ID: trial.id}, run_name=trial.name)
        key, now = run.info.run_id, run.info.start_time
        points = [Metric("train/loss", loss, now, step) for step, loss in trial.curve]
        points += [Metric(name, value, now, 0) for name, value in trial.metrics.items()]
        for first in range(0, len(points), POINTS_PER_CALL):
            self.client.log_batch(key, metrics=points[first : first + POINTS_PER_CALL])
        tags = [RunTag("state", trial.outcome)]
        if trial.reason is not None:
            tags.append(RunTag("reason", trial.reason))
        params = [Param(name, str(value)) for name, value in trial.hyperparameters.items()]
        self.client.log_batch(key, params=params, tags=tags)
        self.client.set_terminated(key, STATES.get(trial.outcome, "FAILED"))

    def close(self) -> None:
        """Nothing is open between two trials."""
