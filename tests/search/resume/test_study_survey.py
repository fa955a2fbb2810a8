"""`sweep --dry-run` tells what a study has, and leaves every file as it is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import load
from mutransfer_cli.search.estimate import dry_run
from mutransfer_cli.search.sweep import sweep
from tests.helpers.sweeps import TRIALS, write_recipe


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def notes(path: Path, run: Path, storage: str | None, seed: int = 0) -> str:
    document = dry_run(load(path), device="cpu", workers=1, run=run, storage=storage, seed=seed)
    return " ".join(document.notes)


@pytest.mark.parametrize(
    "kind", ["journal:", pytest.param("sqlite:///", marks=pytest.mark.slow), None]
)
def test_what_is_found_is_told_and_nothing_is_written(tmp_path: Path, kind: str | None) -> None:
    path, run = write_recipe(tmp_path, steps=2), tmp_path / "run"
    storage = None if kind is None else f"{kind}{tmp_path}/shared.study"
    before = contents(tmp_path)
    found = notes(path, run, storage)
    assert ("no study 'small' yet" in found) == (kind is not None)
    assert contents(tmp_path) == before
    sweep(load(path), run, device="cpu", workers=1, storage=storage)
    before = contents(tmp_path)
    # a run that is a fresh one has the study of a shared storage all the same
    for folder in [run] if storage is None else [run, tmp_path / "other"]:
        expected = f"study 'small' has {TRIALS} trials that ended ({TRIALS} finished)"
        assert expected in notes(path, folder, storage)
    assert contents(tmp_path) == before
    with pytest.raises(InputError, match="made by a different recipe: seed: 0 and 5"):
        notes(path, run, storage, seed=5)
    other = write_recipe(tmp_path, steps=3)
    with pytest.raises(InputError, match=r"made by a different recipe: base\.steps"):
        notes(other, run, storage)


def test_a_database_of_others_gets_no_tables(tmp_path: Path) -> None:
    path, other = write_recipe(tmp_path), tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("create table mine (x)")
    assert "no study" in notes(path, tmp_path / "run", f"sqlite:///{other}")
    with sqlite3.connect(other) as connection:
        names = [row[0] for row in connection.execute("select name from sqlite_master")]
    assert names == ["mine"]


@pytest.mark.parametrize(
    ("storage", "reason"),
    [
        ("mysql://u:s3cret@h/w", "expected journal:PATH"),
        ("postgresql://u:s3cret@127.0.0.1:1/w", "cannot be read or written"),
        ("sqlite:////nowhere/x.db", "does not exist"),
        ("journal:damaged.log", "is not an Optuna journal"),
        ("sqlite:///damaged.log", "the study is damaged"),
    ],
)
def test_a_storage_that_a_sweep_refuses_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str, reason: str
) -> None:
    if storage.startswith("postgresql"):
        pytest.importorskip("psycopg2")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "damaged.log").write_text("no study at all " * 100)
    with pytest.raises(InputError, match=reason) as caught:
        notes(write_recipe(tmp_path), tmp_path / "run", storage)
    assert "s3cret" not in str(caught.value) and "\n" not in str(caught.value)
