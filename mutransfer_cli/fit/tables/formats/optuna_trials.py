"""Reads the trials of an Optuna study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.content.run_table import RunTable, table_of_records

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

URL_SCHEMES = ("sqlite:///", "postgresql://", "mysql://", "journal:")


def is_storage_url(source: str) -> bool:
    """Whether a source is the address of an Optuna storage rather than a file."""
    return source.startswith(URL_SCHEMES) or ("+" in source and "://" in source)


def read_optuna(source: str, address: str, study: str | None) -> RunTable:
    """Read a study; its trials are rows, with `params.`, `user_attrs.` and `value` as columns.

    Args:
        source: The storage, as the user named it.
        address: URL of the storage, or `journal:PATH`.
        study: Name of the study; None: the only one.

    Raises:
        InputError: The storage cannot be read, does not hold the study, or holds several.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage = open_storage(address)
        names = sorted(s.study_name for s in optuna.get_all_study_summaries(storage))
    except InputError:
        raise
    except Exception as error:  # storages raise what their backends raise
        first = str(error).partition("\n")[0]
        raise InputError(f"{source}: not an Optuna storage: {first}") from error
    if study is None and len(names) > 1:
        raise InputError(f"{source}: holds {len(names)} studies; pass --study {' | '.join(names)}")
    if not names or (study is not None and study not in names):
        raise InputError(f"{source}: no study {study or ''}; found {', '.join(names) or 'none'}")
    try:
        loaded = optuna.load_study(study_name=study or names[0], storage=storage)
        trials = loaded.get_trials(deepcopy=False)
        rows = [record_of(trial) for trial in trials]
        positions = [f"{source}: trial {trial.number}" for trial in trials]
        directions = [direction.name for direction in loaded.directions]
    except Exception as error:  # as above: what is stored was not written by Optuna
        raise InputError(
            f"{source}: the study is damaged: {type(error).__name__}: {error}"
        ) from error
    if "MAXIMIZE" in directions:
        raise InputError(f"{source}: the study maximizes its value; expected a loss to minimize")
    if not trials:
        raise InputError(f"{source}: the study {loaded.study_name} holds no trials")
    return table_of_records(source, rows, positions)


def open_storage(address: str) -> BaseStorage:
    """Open a storage without creating tables in it.

    Raises:
        InputError: The file does not exist.
    """
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    for scheme in ("journal:", "sqlite:///"):
        path = Path(address.removeprefix(scheme))
        if address.startswith(scheme) and not path.is_file():
            raise InputError(f"{path}: cannot be read: no such file")
    if address.startswith("journal:"):
        return JournalStorage(JournalFileBackend(address.removeprefix("journal:")))
    return RDBStorage(address, skip_table_creation=True)


def record_of(trial: optuna.trial.FrozenTrial) -> dict[str, object]:
    """A trial as a row."""
    values = trial.values or []
    row: dict[str, object] = {"number": trial.number, "state": trial.state.name}
    if len(values) > 1:
        row |= {f"values_{i}": value for i, value in enumerate(values)}
    else:
        row["value"] = values[0] if values else None
    row |= {f"params.{name}": value for name, value in trial.params.items()}
    row |= {f"user_attrs.{name}": value for name, value in trial.user_attrs.items()}
    return row
