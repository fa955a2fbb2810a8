"""Errors that name a key after the recipe was read are shown with the key's position."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from mutransfer_cli.cli.error_location import located
from mutransfer_cli.errors import InputError

RECIPE = "name: tiny\ndata:\n  source: text\n  path: absent.txt\n"


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return str(path)


def test_a_key_of_the_file(recipe: str) -> None:
    error = InputError("no such file", ("data", "path"))
    assert str(located(error, ["sweep", recipe])) == f"{recipe}:4:9: data.path: no such file"
    assert str(located(error, ["init", recipe, "--force"])) == "data.path: no such file"


def test_a_key_that_the_file_does_not_have_is_where_its_section_is(recipe: str) -> None:
    error = InputError("too small", ("data", "seq_len"))
    assert str(located(error, ["sweep", recipe])) == f"{recipe}:2:1: data.seq_len: too small"


@pytest.mark.parametrize("setting", ["data.path=a.txt", " data.path =a.txt"])
def test_a_key_of_the_command_line(recipe: str, setting: str) -> None:
    error = InputError("no such file", ("data", "path"))
    found = located(error, ["sweep", recipe, "--set", setting])
    assert str(found) == f"--set {setting}: data.path: no such file"


def test_short_names_stand_for_their_key(recipe: str) -> None:
    error = InputError("too large", ("optimizer", "lr"))
    found = located(error, ["sweep", recipe, "--set", "lr=9"])
    assert str(found) == "--set lr=9: optimizer.lr: too large"


def test_what_contains_the_key_was_set_by_the_last_option(recipe: str) -> None:
    error = InputError("'nope' matches no tensor", ("lr_factors", "nope"))
    options = ["--set", "lr_factors={}", "--set", "lr_factors={nope: 2}", "--set", "lr=1"]
    assert str(located(error, ["shapes", recipe, *options])).startswith(
        "--set lr_factors={nope: 2}: lr_factors.nope:"
    )
    assert str(located(error, ["shapes", recipe, "--set", "lr=1"])).startswith(f"{recipe}:1:1:")


@pytest.mark.parametrize(
    "error",
    [
        InputError("data.path: only text that looks like a key"),
        InputError("expected two", ("check",)),
        InputError("unknown key", ("data", "pat"), "r.yaml:3:1"),
    ],
)
def test_everything_else_stays_as_it_is(recipe: str, error: InputError) -> None:
    assert located(error, ["sweep", recipe]) is error


def test_no_recipe_no_position(tmp_path: Path) -> None:
    error = InputError("no such file", ("data", "path"))
    assert located(error, ["fit", str(tmp_path)]) is error
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [", encoding="utf-8")
    assert located(error, ["sweep", str(broken)]) is error


def test_errors_travel_between_processes() -> None:
    error = InputError("too large", ("optimizer", "lr"), "r.yaml:6:7")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, InputError)
    assert str(again) == str(error) == "r.yaml:6:7: optimizer.lr: too large"
    assert (again.message, again.path, again.position) == (
        "too large",
        ("optimizer", "lr"),
        "r.yaml:6:7",
    )
