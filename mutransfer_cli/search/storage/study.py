"""The study of a sweep: its trials that have ended, in Optuna's storage."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.freeze import first_difference, frozen_yaml, read_as
from mutransfer_cli.recipe.growth import growth_hint
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.location import StorageLocation, is_missing
from mutransfer_cli.search.storage.optuna_storage import DAMAGED, Storage, storage_errors
from mutransfer_cli.search.storage.trial_attributes import (
    Ranges,
    distributions,
    has_ended,
    record_of_trial,
    request_attributes,
    result_attributes,
    state_of,
)

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)

VERSION = 1


class Study:
    """All trials of a sweep; only processes that drive the sweep write to it."""

    def __init__(self, storage: Storage, study: optuna.Study) -> None:
        self.storage = storage
        self.study = study
        self._known: dict[int, Record] = {}  # by number; ended trials never change

    @property
    def location(self) -> StorageLocation:
        """Where the study is stored."""
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
            study = storage.retry(lambda: _open(storage, recipe, create))
            version = storage.retry(lambda: study.user_attrs).get("mutransfer_version")
            if version is None:
                if create:
                    storage.retry(lambda: study.set_user_attr("mutransfer_version", VERSION))
            elif not isinstance(version, int):
                raise InputError(f"{location.shown}: study version {version!r} is no number")
            elif version > VERSION:
                raise InputError(
                    f"{location.shown}: made by a newer mutransfer (study version {version}, this "
                    f"one reads {VERSION}); upgrade mutransfer or choose another --run"
                )
        log.info("study %s in %s", recipe.name, location.shown)
        return cls(storage, study)

    def attributes(self) -> dict[str, Any]:
        """The attributes of the study itself."""
        with storage_errors(self.location):
            return self.storage.retry(lambda: self.study.user_attrs)

    def set_attributes(self, values: Mapping[str, Any]) -> None:
        """Set attributes of the study itself."""

        def write() -> None:
            for name, value in values.items():
                self.study.set_user_attr(name, value)

        with storage_errors(self.location):
            self.storage.retry(write)

    def require_same(self, recipe: Recipe, seed: int) -> None:
        """Store the recipe and the seed in the study, or compare them with those there.

        A recipe in which no trial differs (`freeze.read_as`) takes the other's place.

        Args:
            recipe: The recipe of the sweep.
            seed: Its first seed.

        Raises:
            InputError: The study was made by another recipe or seed.
        """
        before = self.attributes()
        values = {"recipe": frozen_yaml(recipe), "seed": seed}
        self.set_attributes({name: v for name, v in values.items() if name not in before})
        stored = self.stored_recipe(recipe, seed, before)
        if stored is not None and stored != recipe:
            self.set_attributes({"recipe": values["recipe"]})

    def stored_recipe(
        self, recipe: Recipe, seed: int, before: Mapping[str, Any] | None = None
    ) -> Recipe | None:
        """The recipe in the study, compared with another; None: it has none. Writes nothing.

        Raises:
            InputError: The study was made by another recipe or seed.
        """
        before = self.attributes() if before is None else before
        if "recipe" not in before:
            return None
        name = f"{self.location.shown}: study {recipe.name}"
        if not isinstance(before["recipe"], str):
            raise InputError(f"{name}: its recipe is damaged")
        stored = loads(before["recipe"], name).recipe
        difference = first_difference(read_as(stored, recipe), recipe)
        if difference is None and before.get("seed", seed) != seed:
            difference = f"seed: {before['seed']} and {seed}"
        if difference:
            option = "--storage " if self.location.shared else ""
            remedy = "give the recipe another name, or choose another --storage"
            raise InputError(
                f"{option}{self.location.shown}: its study {recipe.name!r} was made by a "
                f"different recipe: {difference}; "
                f"{remedy if self.location.shared else 'choose another --run'}"
                f"{growth_hint(difference, stored.search)}"
            )
        return stored

    def add(self, record: Record, ranges: Ranges) -> None:
        """Store a trial that has ended, in one transaction."""
        import optuna

        trial = optuna.trial.create_trial(
            state=state_of(record.outcome),
            params=record.params,
            distributions=distributions(record.params, ranges),
            value=record.loss if record.outcome == "finished" else None,
            user_attrs={**request_attributes(record), **result_attributes(record)},
            intermediate_values=dict(record.reports),
        )
        with storage_errors(self.location):
            self.storage.retry(lambda: self.study.add_trial(trial))

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """All stored trials, by number; callers must not modify them."""
        with storage_errors(self.location):
            return self.storage.retry(lambda: self.study.get_trials(deepcopy=False))

    def records(self) -> list[Record]:
        """Every trial that has ended, in the order of its number."""
        return self.records_of(self.trials())

    def records_of(self, trials: list[optuna.trial.FrozenTrial]) -> list[Record]:
        """The records of those trials that have ended; each is built only once.

        A trial that had failed and was stored again once its loss could be read counts once.
        """
        for trial in trials:
            if trial.number in self._known:
                continue
            try:
                if has_ended(trial):
                    record = record_of_trial(trial)
                    hash(record.key)  # its numbers are no lists
                    self._known[trial.number] = record
            except DAMAGED as error:
                raise InputError(
                    f"{self.location.shown}: trial {trial.number} is damaged: "
                    f"{type(error).__name__}: {error}; repair or delete the study"
                ) from error
        records = [self._known[number] for number in sorted(self._known)]
        read_later = {record.key: i for i, record in enumerate(records)}
        return [
            record
            for i, record in enumerate(records)
            if record.outcome != "failed" or read_later[record.key] == i
        ]


def _open(storage: Storage, recipe: Recipe, create: bool) -> optuna.Study:
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
