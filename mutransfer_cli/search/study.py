"""The storage of a study: Optuna's SQLite in the run directory, one finished trial at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.recipe.size import Size

if TYPE_CHECKING:
    import optuna

DATABASE = "study.db"
VERSION = 1
Key = tuple[Any, ...]


def rounded(value: float) -> str:
    """A number as part of a key, safe from the last digits of a round trip."""
    return f"{value:.12g}"


@dataclass(frozen=True, slots=True)
class Record:
    """One trial that has ended."""

    params: dict[str, float]
    width: int
    depth: int
    batch: int
    steps: int
    seed: int
    outcome: str  # finished | diverged | failed | pruned
    loss: float | None
    seconds: float = 0.0
    flops: float = 0.0
    why: str | None = None
    curve: tuple[tuple[int, float], ...] = field(default=(), repr=False)

    @property
    def size(self) -> Size:
        return Size(self.width, self.depth, self.batch, self.steps)

    @property
    def key(self) -> Key:
        """What makes a trial the same trial."""
        return trial_key(self.size, self.seed, self.params)


def trial_key(size: Size, seed: int, params: dict[str, float]) -> Key:
    return (size, seed, tuple(sorted((k, rounded(v)) for k, v in params.items())))


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Faults of the database as one line."""
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, optuna.exceptions.StorageInternalError) as error:
        cause = error.__cause__ or error
        reason = str(getattr(cause, "orig", cause) or cause).splitlines()[0]
        raise InputError(
            f"{path}: the study cannot be read or written: {reason}; what was finished is kept: "
            "free the disk or mend the file, and run the same command again"
        ) from error
    except RuntimeError as error:
        if "storage" not in str(error) and "version" not in str(error):
            raise
        raise InputError(f"{path}: {str(error).splitlines()[0]}") from error


class Study:
    """All trials of a sweep. Only the process that drives the sweep writes."""

    def __init__(self, run: Path, study: optuna.Study) -> None:
        self.path = run / DATABASE
        self._study = study

    @classmethod
    def open(cls, run: Path, recipe: Recipe, create: bool = False) -> Study:
        """Open a run's study; InputError where there is none or it is from a newer version."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        path = run / DATABASE
        if not create and not path.is_file():
            raise InputError(f"{path}: no study; run `mutransfer sweep` first")
        with storage_errors(path):
            storage = optuna.storages.RDBStorage(f"sqlite:///{path.resolve()}")
            study = optuna.create_study(
                storage=storage, study_name=recipe.name, load_if_exists=True, direction="minimize"
            )
            version = study.user_attrs.get("mutransfer_version")
            if version is None:
                study.set_user_attr("mutransfer_version", VERSION)
            elif version > VERSION:
                raise InputError(
                    f"{path}: made by a newer mutransfer (study version {version}, this one reads "
                    f"{VERSION}); upgrade mutransfer or take another --run"
                )
        return cls(run, study)

    def add(self, record: Record, ranges: dict[str, tuple[float, float, bool]]) -> None:
        """Store a finished trial in one transaction; ranges: low, high, logarithmic."""
        import optuna
        from optuna.distributions import FloatDistribution
        from optuna.trial import TrialState

        finished = record.outcome == "finished"
        attributes = {
            name: getattr(record, name)
            for name in ("width", "depth", "batch", "steps", "seed", "outcome", "seconds", "flops")
        }
        attributes |= {"why": record.why, "curve": [list(point) for point in record.curve]}
        trial = optuna.trial.create_trial(
            state=TrialState.COMPLETE if finished else TrialState.FAIL,
            params=record.params,
            distributions={
                name: FloatDistribution(
                    min(ranges[name][0], value), max(ranges[name][1], value), log=ranges[name][2]
                )
                for name, value in record.params.items()
            },
            value=record.loss if finished else None,
            user_attrs=attributes,
        )
        with storage_errors(self.path):
            self._study.add_trial(trial)

    def records(self) -> list[Record]:
        """Every trial that has ended, in the order of its ending."""
        with storage_errors(self.path):
            trials = self._study.get_trials(deepcopy=False)
        return [_record(t) for t in trials if "outcome" in t.user_attrs]


def _record(trial: optuna.trial.FrozenTrial) -> Record:
    a = trial.user_attrs
    return Record(
        params={k: float(v) for k, v in trial.params.items()},
        width=a["width"],
        depth=a["depth"],
        batch=a["batch"],
        steps=a["steps"],
        seed=a["seed"],
        outcome=a["outcome"],
        loss=trial.value,
        seconds=a["seconds"],
        flops=a["flops"],
        why=a["why"],
        curve=tuple((int(s), float(v)) for s, v in a["curve"]),
    )


def read_records(run: Path) -> list[Record]:
    """The trials of a run directory.

    Raises InputError where there is no run, or it cannot be read.
    """
    from mutransfer_cli.search.run import read_recipe

    return Study.open(run, read_recipe(run)).records()
