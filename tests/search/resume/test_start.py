"""A resumed sweep never mixes trials of different code, files, versions or devices unseen."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.fit.run_summary import summarize
from mutransfer_cli.recipe.load import load
from mutransfer_cli.search.provenance import provenance
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.search.storage.run_directory import ENVIRONMENT, RECIPE
from mutransfer_cli.search.sweep import sweep
from tests.helpers.sweeps import write_recipe

MODEL = """
import torch
from parts import Net
def build(width):
    return Net(width)
"""
PARTS = """
import torch
class Net(torch.nn.Sequential):
    def __init__(self, width):
        super().__init__(torch.nn.Linear(8, width), torch.nn.ReLU(), torch.nn.Linear(width, 3))
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe with a model of the user's own, of which a budget allows four of twelve trials."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("own_model", "parts"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "own_model.py").write_text(MODEL)
    (tmp_path / "parts.py").write_text(PARTS)
    return write_recipe(
        tmp_path,
        steps=3,
        **{"{build: mlp}": '{build: "own_model:build"}', "{width: 8, depth: 1": "{width: 8"},
    )


def swept(path: Path, notes: list[str] | None = None, **options: object) -> tuple[str, ...]:
    """Sweep into `run`; the notes of the document."""
    said = [] if notes is None else notes
    document = sweep(
        load(path), Path("run"), device="cpu", workers=1, on_note=said.append, **options  # type: ignore[arg-type]  # by name
    )  # fmt: skip
    return document.notes


def forget(count: int) -> None:
    """Delete the last trials from the study, as if the sweep had been interrupted."""
    import optuna

    study = optuna.load_study(study_name="small", storage="sqlite:///run/study.db")
    import sqlite3

    with sqlite3.connect("run/study.db") as connection:
        last = [t._trial_id for t in study.trials][-count:]
        marks = ",".join("?" * count)
        for table in ("trial_params", "trial_values", "trial_user_attributes"):
            connection.execute(f"delete from {table} where trial_id in ({marks})", last)
        connection.execute(f"delete from trials where trial_id in ({marks})", last)


def test_the_same_again_goes_on_and_says_what_it_found(recipe: Path) -> None:
    assert swept(recipe) == ()
    forget(5)
    said: list[str] = []
    assert swept(recipe, said) == ()
    assert said == ["7 of 12 trials finished; going on"]
    run = Run.open(Path("run"))
    assert len({record.provenance for record in run.records}) == 1
    assert fit_run(run).document().notes == fit_run(run).document().notes
    assert len(summarize(run).made_with) == 1


def test_a_change_in_an_imported_module_is_refused_until_it_is_accepted(recipe: Path) -> None:
    swept(recipe)
    forget(4)
    before = Run.open(Path("run")).records
    Path("parts.py").write_text(PARTS + "# changed\n")
    for deleted in (None, ENVIRONMENT, RECIPE):
        if deleted is not None:
            (Path("run") / deleted).unlink()
        with pytest.raises(InputError, match=r"8 trials were made, parts\.py has changed; --acc"):
            swept(recipe)
        assert Run.open(Path("run")).records == before
    notes = swept(recipe, accept_changes=True)
    assert notes == ("--accept-changes: 8 trials were made before: parts.py has changed",)
    assert swept(recipe) == ()  # accepted once is accepted
    run = Run.open(Path("run"))
    assert sorted(Counter(record.provenance for record in run.records).values()) == [4, 8]
    assert [group.trials for group in summarize(run).made_with] == [8, 4]
    assert summarize(run).made_with[1].changes == ("parts.py has changed",)
    assert any("(8 + 4) were not all made with the same" in n for n in fit_run(run).caveats)
    Path("parts.py").write_text(PARTS)  # back to the first, which is known
    assert swept(recipe) == ()


def test_other_versions_and_devices(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swept(recipe)
    monkeypatch.setattr(provenance, "version", lambda name: "0.0.1")
    monkeypatch.setattr(provenance, "device_name", lambda device: "abacus")
    with pytest.raises(InputError, match=r"torch was .*, is 0\.0\.1; the device was cpu, is abac"):
        swept(recipe)


def test_a_run_without_trials_takes_any_change(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept(recipe)
    forget(12)
    Path("parts.py").write_text(PARTS + "# changed\n")
    assert swept(recipe) == ()
    assert len({record.provenance for record in Run.open(Path("run")).records}) == 1


def test_a_run_of_an_older_version_goes_on_with_a_note(recipe: Path) -> None:
    import sqlite3

    swept(recipe)
    forget(2)
    with sqlite3.connect("run/study.db") as connection:
        connection.execute("delete from study_user_attributes where key like 'provenance:%'")
        connection.execute("delete from trial_user_attributes where key = 'provenance'")
    environment = json.loads((Path("run") / ENVIRONMENT).read_text())
    for name in ("provenance", "made_with"):
        del environment[name]
    (Path("run") / ENVIRONMENT).write_text(json.dumps(environment))
    (note,) = swept(recipe)
    assert "10 trials were made by a version of mutransfer that did not store" in note
    run = Run.open(Path("run"))
    assert Counter(record.provenance is None for record in run.records) == {True: 10, False: 2}
    assert swept(recipe) == ()
    Path("parts.py").write_text(PARTS + "# changed\n")
    with pytest.raises(InputError, match=r"parts\.py has changed"):
        swept(recipe)


def test_one_token_in_the_middle_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest of the data reads the ends of a large file only."""
    monkeypatch.chdir(tmp_path)
    tokens = np.arange(4_000_000, dtype=np.uint32).astype(np.uint16) % 60
    tokens.tofile("tokens.bin")
    text = (
        "name: t\nmodel: {build: gpt, args: {vocab_size: 64, head_dim: 8}}\n"
        "data: {source: tokens, path: tokens.bin, seq_len: 8}\n"
        "base: {width: 16, depth: 1, batch: 2, steps: 2}\nladder: {width: [16]}\n"
        "search: {space: {lr: {log2: [-8, -7], step: 1}}, seeds: 1, extend: 0}\n"
    )
    Path("r.yaml").write_text(text)
    swept(Path("r.yaml"))
    assert swept(Path("r.yaml")) == ()
    tokens[2_000_000] += 1
    tokens.tofile("tokens.bin")
    with pytest.raises(InputError, match=r"tokens\.bin has changed"):
        swept(Path("r.yaml"))


def test_a_lost_environment_of_a_shared_study(recipe: Path) -> None:
    """Without it a new study would be made, and everything trained again."""
    swept(recipe, storage="journal:study.log")
    before = {record.key: record.loss for record in Run.open(Path("run")).records}
    (Path("run") / ENVIRONMENT).unlink()
    with pytest.raises(InputError, match=r"environment\.json: is missing, and with it where"):
        swept(recipe)
    said: list[str] = []
    notes = swept(recipe, said, storage="journal:study.log")
    assert [note.partition(";")[0] for note in notes] == [f"run/{ENVIRONMENT}: was missing"]
    assert said == ["12 of 12 trials finished; nothing is left to train"]
    assert swept(recipe, storage="journal:study.log") == ()  # the control: it is there again
    assert {record.key: record.loss for record in Run.open(Path("run")).records} == before


def test_another_seed_is_refused_without_the_environment(recipe: Path) -> None:
    swept(recipe)
    (Path("run") / ENVIRONMENT).unlink()
    with pytest.raises(InputError, match="seed: 0 and 5"):
        swept(recipe, seed=5)
