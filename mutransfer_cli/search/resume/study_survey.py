"""Says what a sweep would find in its study, without writing anything."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.storage.location import StorageLocation, is_missing
from mutransfer_cli.search.storage.optuna_storage import engine_of, storage_errors
from mutransfer_cli.search.storage.study import Study


def survey(location: StorageLocation, recipe: Recipe, seed: int) -> tuple[str, ...]:
    """What a location holds of a recipe's study; nothing of a run of its own without one.

    Args:
        location: Where the sweep would store its study.
        recipe: The recipe of the sweep.
        seed: Its first seed.

    Raises:
        InputError: The storage cannot be read, or its study was made by another recipe or seed.
    """
    shown, name = location.shown, recipe.name
    if is_missing(location) or name not in _studies(location):
        return (f"{shown}: no study {name!r} yet",) if location.shared else ()
    # a shared SQLite file has a lock beside it, which only a sweep creates
    study = Study.open(replace(location, shared=location.kind != "sqlite"), recipe)
    study.stored_recipe(recipe, seed)
    ended = Counter(record.outcome for record in study.records())
    counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(ended.items()))
    of_these = f" ({counts})" if counts else ""
    return (f"{shown}: study {name!r} has {ended.total()} trials that ended{of_these}",)


def _studies(location: StorageLocation) -> set[str]:
    """Names of the studies; a database without Optuna's tables has none, and gets none."""
    with storage_errors(location):
        if location.kind == "journal":
            from optuna.storages import JournalStorage

            from mutransfer_cli.search.storage.journal import Journal

            journal = JournalStorage(Journal(location.address, location.shown))
            return {study.study_name for study in journal.get_all_studies()}
        from sqlalchemy import create_engine, inspect, text

        url, options = engine_of(location)
        engine = create_engine(url, **options)
        try:
            with engine.connect() as connection:
                if not inspect(connection).has_table("studies"):
                    return set()
                return set(connection.execute(text("select study_name from studies")).scalars())
        finally:
            engine.dispose()
