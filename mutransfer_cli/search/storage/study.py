"""The study of a sweep: its trials that have ended, in Optuna's storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mutransfer_cli.catalog.axes import SIZES
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.freeze import first_difference, frozen_yaml
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.storage.location import StorageLocation, is_missing
from mutransfer_cli.search.storage.optuna_storage import Storage, storage_errors
from mutransfer_cli.search.storage.record import Record

if TYPE_CHECKING:
    import optuna
    from optuna.trial import TrialState

VERSION = 1
Ranges = dict[str, tuple[float, float, bool]]  # of a hyperparameter: low, high, logarithmic


class Study:
    """All trials of a sweep. Only processes that drive the sweep write."""

    def __init__(self, storage: Storage, study: optuna.Study) -> None:
        self.storage = storage
        self.study = study
        self._known: dict[int, Record] = {}  # by number; what has ended never changes

    @property
    def location(self) -> StorageLocation:
        """Where it is stored."""
        return self.storage.location

    @classmethod
    def open(cls, location: StorageLocation, recipe: Recipe, create: bool = False) -> Study:
        """Open the study of a recipe.

        Raises:
            InputError: There is none, it belongs to another recipe or to a newer version, or it
                cannot be read.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        if not create and is_missing(location):
            raise InputError(f"{location.shown}: no study; run `mutransfer sweep` first")
        with storage_errors(location):
            storage = Storage(location)
            study = storage.patiently(lambda: opened(storage, recipe, create))
            version = storage.patiently(lambda: study.user_attrs).get("mutransfer_version")
            if version is None:
                storage.patiently(lambda: study.set_user_attr("mutransfer_version", VERSION))
            elif version > VERSION:
                raise InputError(
                    f"{location.shown}: made by a newer mutransfer (study version {version}, this "
                    f"one reads {VERSION}); upgrade mutransfer or choose another --run"
                )
        return cls(storage, study)

    def belongs_to(self, recipe: Recipe, **rest: object) -> None:
        """A shared study keeps what made it; InputError where that was another recipe, or seed."""

        def keep() -> dict[str, Any]:
            before = self.study.user_attrs
            for name, value in {"recipe": frozen_yaml(recipe), **rest}.items():
                if name not in before:
                    self.study.set_user_attr(name, value)
            return self.study.user_attrs

        with storage_errors(self.location):
            before = self.storage.patiently(keep)
        theirs = loads(before["recipe"], f"{self.location.shown}: study {recipe.name}").recipe
        found = first_difference(theirs, recipe)
        for name, value in rest.items():
            if found is None and before[name] != value:
                found = f"{name}: {before[name]} and {value}"
        if found:
            raise InputError(
                f"--storage {self.location.shown}: its study {recipe.name!r} was made by a "
                f"different recipe: {found}; give the recipe another name, or choose another "
                "--storage"
            )

    def add(self, record: Record, ranges: Ranges) -> None:
        """Store a finished trial in one transaction."""
        import optuna

        trial = optuna.trial.create_trial(
            state=state_of(record.outcome),
            params=record.params,
            distributions=distributions(record.params, ranges),
            value=record.loss if record.outcome == "finished" else None,
            user_attrs={**asked_for(record), **became(record)},
            intermediate_values=dict(record.reports),
        )
        with storage_errors(self.location):
            self.storage.patiently(lambda: self.study.add_trial(trial))

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """Everything that is stored, by number; not to be changed."""
        with storage_errors(self.location):
            return self.storage.patiently(lambda: self.study.get_trials(deepcopy=False))

    def records(self) -> list[Record]:
        """Every trial that has ended, in the order of its number."""
        return self.records_of(self.trials())

    def records_of(self, trials: list[optuna.trial.FrozenTrial]) -> list[Record]:
        for trial in trials:
            if trial.number not in self._known and has_ended(trial):
                self._known[trial.number] = _record(trial)
        return [self._known[number] for number in sorted(self._known)]


def opened(storage: Storage, recipe: Recipe, create: bool) -> optuna.Study:
    import optuna

    if create:
        with storage.guard():
            return optuna.create_study(
                storage=storage.optuna,
                study_name=recipe.name,
                load_if_exists=True,
                direction="minimize",
            )
    try:
        return optuna.load_study(storage=storage.optuna, study_name=recipe.name)
    except KeyError as error:
        raise InputError(
            f"{storage.location.shown}: has no study {recipe.name!r}; run `mutransfer sweep` first"
        ) from error


def state_of(outcome: str) -> TrialState:
    """Optuna's word for an outcome."""
    from optuna.trial import TrialState

    return {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED}.get(
        outcome, TrialState.FAIL
    )


def has_ended(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether it is a trial's end, and not a claim that was given up."""
    outcome = trial.user_attrs.get("outcome")
    return outcome is not None and trial.state == state_of(outcome)


def distributions(params: dict[str, float], ranges: Ranges) -> dict[str, Any]:
    """Of Optuna; a grid that grew past its range takes its range along."""
    from optuna.distributions import FloatDistribution

    return {
        name: FloatDistribution(
            min(ranges[name][0], value), max(ranges[name][1], value), log=ranges[name][2]
        )
        for name, value in params.items()
    }


def asked_for(record: Record) -> dict[str, Any]:
    """User attributes that a trial has from its start."""
    return {name: getattr(record, name) for name in (*SIZES, "seed")} | {"flops": record.flops}


def became(record: Record) -> dict[str, Any]:
    """User attributes of its end; the outcome comes last: with it the trial is whole."""
    fewer = {"flops": record.flops} if record.outcome == "pruned" else {}
    return {
        **fewer,
        "seconds": record.seconds,
        "why": record.why,
        "curve": [list(point) for point in record.curve],
        "outcome": record.outcome,
    }


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
        reports=tuple(sorted(trial.intermediate_values.items())),
    )
