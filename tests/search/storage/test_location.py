"""Where a study is stored, and what messages show of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.search.storage.location import parse_location, without_password
from mutransfer_cli.search.storage.study import Study
from tests.helpers.sweeps import RECIPE


def test_passwords_are_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = parse_location("journal:runs/a/study.log", tmp_path)
    assert inside.stored_in(tmp_path / "runs/a") == "journal:study.log"  # a run can be moved
    assert inside.stored_in(tmp_path / "runs/b") == f"journal:{tmp_path}/runs/a/study.log"
    secret = "postgresql://me:s3cret@host:5432/db?sslpassword=s3cret&sslmode=require"
    assert without_password(secret) == "postgresql://me@host:5432/db?sslmode=require"
    for wrong in ("study.db", "mysql://me:s3cret@host/db", "journal:", "redis://x"):
        with pytest.raises(InputError, match="expected journal:PATH") as caught:
            parse_location(wrong, tmp_path)
        assert "s3cret" not in str(caught.value)
    assert parse_location(secret, tmp_path).shown == (
        "postgresql://me:***@host:5432/db?sslpassword=***&sslmode=require"
    )
    with pytest.raises(InputError, match=r"--storage mysql://me:\*\*\*@host/db: expected"):
        parse_location("mysql://me:s3cret@host/db", tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'mutransfer\[postgres\]'"):
        parse_location(secret, tmp_path)
    assert os.listdir(tmp_path) == []


def test_messages_show_what_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = loads(RECIPE.replace("STEPS", "12"), "r.yaml").recipe
    (tmp_path / "text").write_text("no study\n" * 100)
    for typed in ("journal:text", "sqlite:///text"):
        with pytest.raises(InputError) as caught:
            Study.open(parse_location(typed, tmp_path), recipe, create=True)
        assert str(caught.value).startswith(f"{typed}: ")
    remembered = parse_location("journal:text", tmp_path, "environment.json: storage")
    assert remembered.shown == f"journal:{tmp_path}/text"
