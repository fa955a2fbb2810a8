"""Recipes from files: --set, override, the origin of every value, and the order of errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import load, loads, override
from tests.helpers.recipes import GOOD, change, refused


def test_settings_win_over_the_recipe_and_are_yaml() -> None:
    loaded = loads(
        GOOD,
        sets=["lr=1e-3", "beta1=0.8", "clip=1", "ladder.width=[32]", "target.width=64", "name=x"],
    )
    recipe = loaded.recipe
    assert recipe.optimizer.lr == 0.001
    assert recipe.optimizer.betas == (0.8, 0.95)
    assert (recipe.clip, recipe.ladder.width, recipe.name) == (1.0, (32,), "x")
    assert recipe.target is not None and recipe.target.width == 64
    assert loads(GOOD, sets=["search.space.lr.step=0.5"]).recipe.search.space["lr"].step == 0.5
    assert loads(GOOD, sets=["lr=1", "lr=2"]).recipe.optimizer.lr == 2.0  # the last one counts


SETS = [
    ("optimizer.lr=abc", "optimizer.lr: expected a number, found 'abc'"),
    ("lr=abc", "optimizer.lr: expected a number, found 'abc'"),
    ("optimizer.lrr=1", "optimizer.lrr: unknown key; did you mean 'lr'? (known: name, args, lr, "),
    ("optimiser.lr=1", "optimiser: unknown key; did you mean 'optimizer'?"),
    ("weight_deacy=1", "weight_deacy: unknown name; did you mean 'weight_decay'?"),
    ("optimizer.lr.x=1", "optimizer.lr.x: optimizer.lr is a single value; it has no keys"),
    ("optimizer.betas.2=1", "optimizer.betas.2: optimizer.betas is a list"),
    ("optimizer.betas.x=1", "optimizer.betas.x: optimizer.betas is a list; expected an index"),
    ("ladder.width.9=1", "ladder.width has 2 entries; no entry 9"),
    ("lr", "expected key.path=value, such as --set optimizer.lr=0.01"),
    ("=1", "expected key.path=value"),
    ("lr=[1", "not YAML: "),
    ("base={width: 33}", "base.width: d_model 33 is not divisible by head_dim 16"),
    ("optimizer={}x", "not YAML: "),
]


@pytest.mark.parametrize(("setting", "line"), SETS)
def test_bad_settings(setting: str, line: str) -> None:
    assert refused(GOOD, setting).startswith(f"--set {setting}: {line}")


def test_a_setting_can_repair_the_file() -> None:
    broken = GOOD.replace("lr: 0.01", "lr: abc")
    assert refused(broken).startswith("r.yaml:6:7")
    assert loads(broken, sets=["lr=0.1"]).recipe.optimizer.lr == 0.1


def test_origins() -> None:
    text = GOOD + "init: {from: null, zero: []}\n"
    origins = loads(text, sets=["base={width: 64}", "beta2=0.99"]).origins
    expected = {
        "optimizer.lr": "recipe",
        "optimizer.betas.0": "default",
        "optimizer.betas.1": "command line",
        "base.width": "command line",
        "base.depth": "default",
        "ladder.width.1": "recipe",
        "init.from": "default",  # null asks for the default
        "init.zero": "recipe",
        "init.std": "default",
        "clip": "default",
        "model.args.head_dim": "recipe",
        "model.args.vocab_size": "default",
    }
    assert {key: origins[key] for key in expected} == expected
    assert set(origins.values()) == {"recipe", "default", "command line"}


def test_the_first_of_several_errors_is_shown() -> None:
    text = change("width: 32}", "width: x}").replace("head_dim: 16", "head_dim: 16, n_head: 2")
    assert refused(text).startswith("r.yaml:8:15: base.width")  # the only one of the schema's
    text = GOOD.replace("lr: 0.01", "lr: x").replace("{width: 32}", "{width: y, widht: 3}")
    assert refused(text).startswith("r.yaml:6:7: optimizer.lr")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    def message(path: Path) -> str:
        with pytest.raises(InputError) as caught:
            load(path)
        return str(caught.value)

    assert message(tmp_path / "no.yaml").endswith(
        "no.yaml: no such file; `mutransfer init` writes a recipe"
    )
    assert ": a directory; expected a recipe file" in message(tmp_path)
    bad = tmp_path / "latin.yaml"
    bad.write_bytes(b"name: x\nmodel: caf\xe9\n")
    assert message(bad) == f"{bad}:2:11: not UTF-8 text (byte 0xe9)"
    good = tmp_path / "good.yaml"
    good.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())  # a byte order mark is no fault
    assert load(good).path == good


def test_override() -> None:
    recipe = loads(GOOD).recipe
    changed = override(
        recipe,
        {"optimizer.lr": 0.5, "init.std": 0.02, "optimizer.betas.0": 0.5, "lr_factors.readout": 2},
    )
    assert (changed.optimizer.lr, changed.init.std) == (0.5, 0.02)
    assert changed.optimizer.betas == (0.5, 0.95)
    assert changed.lr_factors == {"readout": 2.0}
    assert recipe.optimizer.lr == 0.01 and recipe.lr_factors == {}
    assert override(recipe, {"optimizer.lr": 0.01}) == recipe
    assert override(recipe, {}) == recipe


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("optimizer.lr", 0),
        ("optimizer.lr", float("nan")),
        ("optimizer.lrr", 1),
        ("base.width", 33),
        ("parameterization", "mupp"),
        ("optimizer.betas.2", 0.5),
    ],
)
def test_override_is_validated(key: str, value: object) -> None:
    with pytest.raises(InputError):
        override(loads(GOOD).recipe, {key: value})
