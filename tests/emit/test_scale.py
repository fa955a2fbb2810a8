"""`scale`: its document, the files that it writes, comparison with an earlier plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from mutransfer_cli.emit.scale import scale
from mutransfer_cli.errors import InputError
from tests.helpers.commands import run
from tests.helpers.emit_recipes import emit_recipe, small_recipe


def test_document_by_hand(tmp_path: Path) -> None:
    values = json.loads(scale(small_recipe(tmp_path), width=64).text())
    assert next(iter(values)) == "schema"
    assert values["multipliers"] == {"width": 4.0, "depth": 1.0, "batch": 1.0, "duration": 1.0}
    assert values["form"] == "multiplier"
    # two heads of 8 at the base, of 32 at the target: √8 / 32; the logits times 1/4
    assert values["forward"]["attention_scale"] == pytest.approx(8**0.5 / 32)
    assert values["forward"]["logit_scale"] == 0.25
    tensors = {t["name"]: t for t in values["tensors"]}
    assert tensors["blocks.0.mlp.up.weight"]["lr"] == pytest.approx(0.0025)
    assert tensors["blocks.0.mlp.up.weight"]["weight_decay"] == pytest.approx(0.4)
    assert tensors["blocks.0.mlp.down.weight"]["init_std"] == pytest.approx((4 * 64) ** -0.5)
    assert values["prediction"] is None


def test_set_goes_before_the_recipe(tmp_path: Path) -> None:
    found = scale(small_recipe(tmp_path), width=64, sets=["lr=0.5"])
    assert found.document.hyperparameters["lr"] == 0.5


def test_a_target_of_another_axis_keeps_the_base_width(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    values = json.loads(scale(recipe, depth=4).text())
    assert values["multipliers"] == {"width": 1.0, "depth": 4.0, "batch": 1.0, "duration": 1.0}
    named = scale(recipe, sets=["target={depth: 4}"])
    assert named.document.tensors == scale(recipe, depth=4).document.tensors
    with pytest.raises(InputError, match="no target; give --width, or target in the recipe"):
        scale(recipe)


def test_missing_source_and_axes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none"):
        scale(tmp_path / "none.yaml", width=64)
    with pytest.raises(InputError, match="--depth"):
        scale(small_recipe(tmp_path), width=64, depth=0)
    with pytest.raises(InputError, match="--width"):
        scale(small_recipe(tmp_path), width=65)


def test_one_file_and_several(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = emit_recipe(tmp_path, "llama")
    out = tmp_path / "out"
    assert run("scale", path, "--width", 256, "--format", "hf-granite", "-o", out) == 0
    assert sorted(p.name for p in out.iterdir()) == ["config.json", "mutransfer_granite.py"]
    assert run("scale", path, "--width", 256, "--format", "hf-granite", "-o", out / "a.json") == 0
    assert json.loads((out / "a.json").read_text())["model_type"] == "granite"
    assert run("scale", path, "--width", 256, "--format", "megatron", "-o", out) == 0
    assert (out / "megatron.sh").is_file()
    capsys.readouterr()
    assert run("scale", path, "--width", 256, "--format", "cerebras") == 0
    captured = capsys.readouterr()
    assert "trainer" in yaml.safe_load(captured.out)
    assert "deviation: weight_decay of" in captured.err


def test_strict_and_the_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = emit_recipe(tmp_path, "gpt")
    out = tmp_path / "m.sh"
    options = ("scale", path, "--width", 64, "--format", "megatron", "-o", out, "--json")
    assert run(*options) == 0
    deviations = json.loads(capsys.readouterr().out)["deviations"]
    assert {"what", "wanted", "got", "consequence"} == set(deviations[0])
    assert run(*options, "--strict") == 1
    assert run(*options, "--strict", "--exit-zero") == 0
    assert run("scale", path, "--width", 64, "--strict") == 0  # json: nothing deviates
    assert run("scale", path, "--width", 64, "--format", "litgpt") == 2


def test_diff_with_an_earlier_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, old = emit_recipe(tmp_path, "gpt"), tmp_path / "old.json"
    assert run("scale", path, "--width", 64, "-o", old) == 0
    new = ("scale", path, "--width", 64, "--set", "lr=0.02", "--diff", old)
    capsys.readouterr()
    assert run(*new, "--json") == 0
    found = {(d["name"], d["what"]): d for d in json.loads(capsys.readouterr().out)["differences"]}
    up = found["blocks.0.mlp.up.weight", "lr"]
    assert (up["here"], up["there"], up["ratio"]) == pytest.approx((0.005, 0.0025, 0.5))
    assert found["hyperparameters", "lr"]["there"] == 0.01
    assert not any(what == "init_std" for _, what in found)
    assert run("scale", path, "--width", 128, "--diff", old) == 0
    shown = capsys.readouterr().out
    assert "logit_scale" in shown and "target" in shown
    assert run("scale", path, "--width", 64, "--diff", old) == 0
    assert "nothing changed" in capsys.readouterr().out
    assert run("scale", path, "--width", 64, "--diff", path) == 2
