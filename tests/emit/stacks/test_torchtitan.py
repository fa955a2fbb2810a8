"""What `scale` writes where: files, folders, comparison with an earlier plan, provenance."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from torch import nn

from mutransfer_cli.catalog.stacks import STACKS
from mutransfer_cli.cli.main import main
from mutransfer_cli.emit.core.protocol import Stack
from mutransfer_cli.emit.scale import scale
from mutransfer_cli.errors import InputError
from mutransfer_cli.search.storage.run import Run
from tests.emit.test_conformance import recipe
from tests.helpers.emit_readers import executed


def run(*arguments: object) -> int:
    """The command in this process; its exit code."""
    before, sys.argv = sys.argv, ["mutransfer", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0


def test_one_file_and_several(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = recipe(tmp_path, "llama")
    out = tmp_path / "out"
    assert run("scale", path, "--width", 256, "--format", "hf-granite", "-o", out) == 0
    assert sorted(p.name for p in out.iterdir()) == ["config.json", "mutransfer_granite.py"]
    assert run("scale", path, "--width", 256, "--format", "hf-granite", "-o", out / "a.json") == 0
    assert json.loads((out / "a.json").read_text())["model_type"] == "granite"
    assert run("scale", path, "--width", 256, "--format", "megatron", "-o", out) == 0
    assert (out / "megatron.sh").is_file()
    done = subprocess.run(
        ["bash", "-c", f'source {out}/megatron.sh; printf "%s\\n" "${{MUTRANSFER_ARGS[@]}}"'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "--use-mup" in done.stdout.split() and "#" not in done.stdout
    capsys.readouterr()
    assert run("scale", path, "--width", 256, "--format", "cerebras") == 0
    captured = capsys.readouterr()
    assert "trainer" in yaml.safe_load(captured.out)
    assert "deviation: weight_decay of" in captured.err


def test_strict_and_the_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = recipe(tmp_path, "gpt")
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
    path, old = recipe(tmp_path, "gpt"), tmp_path / "old.json"
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


def test_a_run_says_where_its_numbers_come_from(tmp_path: Path) -> None:
    text = """
name: r
model: {build: mlp, args: {d_in: 16, d_out: 4}}
data: {source: teacher, d_in: 16, d_out: 4}
base: {width: 16, depth: 1, batch: 16, steps: 20}
ladder: {width: [16, 32]}
search: {space: {lr: {log2: [-9, 1], step: 1.0}}, seeds: 2}
"""
    path, made = tmp_path / "r.yaml", tmp_path / "run"
    path.write_text(text)
    assert run("sweep", path, "--run", made) == 0
    found = scale(made, width=256, format="torch")
    p = found.document.provenance
    records = Run.open(made).records
    assert p is not None and p.trials == len(records)
    assert p.seconds == pytest.approx(sum(r.seconds for r in records))
    assert p.flops == pytest.approx(sum(r.flops for r in records))
    assert p.optima["lr"].value == found.document.hyperparameters["lr"]
    assert p.versions["torch"].startswith("2.") and p.digest and len(p.digest) == 64
    comments = [x for x in found.text().splitlines() if x.startswith("#")]
    for wanted in ("the optimum of width", "trials of proxies", "FLOPs", "digest of the run"):
        assert any(wanted in x for x in comments), wanted
    json_text = scale(made, width=256).text()
    assert json.loads(json_text)["provenance"]["digest"] == p.digest
    said = "lr is the one of --set; the fitted optimum"
    assert not any(note.startswith(said) for note in found.document.notes)
    by_hand = scale(made, width=256, sets=["lr=0.5"]).document
    assert by_hand.hyperparameters["lr"] == 0.5
    assert any(note.startswith(said) for note in by_hand.notes)


@dataclasses.dataclass
class Part:
    """A config of torchtitan's: a dataclass with `param_init`."""

    param_init: Any = None


def test_torchtitan_recipe_on_a_stand_in(tmp_path: Path) -> None:
    """Its documented interface alone: nested dataclasses, ordered groups, no match is an error."""
    found = scale(recipe(tmp_path, "llama"), width=256, format="torchtitan")
    file = executed(found.text())

    def config_of(name: str, **values: Any) -> Any:
        return dataclasses.make_dataclass(name, [(k, Any) for k in values])(**values)

    layers = [
        config_of(
            "Layer",
            attention=config_of("Attention", wq=Part(), wk=Part(), wv=Part(), wo=Part()),
            feed_forward=config_of("MLP", w1=Part(), w2=Part(), w3=Part()),
        )
        for _ in range(2)
    ]
    model = config_of(
        "Model", dim=256, n_layers=2, vocab_size=256, tok_embeddings=Part(), layers=layers,
        output=Part(),
    )  # fmt: skip
    made = ModuleType("torchtitan.components.optimizer")
    made.ParamGroupConfig = lambda **k: k  # type: ignore[attr-defined]  # a stand-in
    made.OptimizersContainer = SimpleNamespace(Config=lambda **k: k)  # type: ignore[attr-defined]
    for name in ("torchtitan", "torchtitan.components"):
        sys.modules[name] = ModuleType(name)
    sys.modules["torchtitan.components.optimizer"] = made
    try:
        config = SimpleNamespace(
            model_spec=SimpleNamespace(model=model), lr_scheduler=SimpleNamespace(),
            training=SimpleNamespace(), optimizer=None,
        )  # fmt: skip
        config = file["configure"](config)
    finally:
        for name in [n for n in sys.modules if n.startswith("torchtitan")]:
            del sys.modules[name]
    started = nn.Linear(64, 64, bias=False).weight
    model.layers[1].attention.wq.param_init["weight"](started)
    assert float(started.detach().std()) == pytest.approx(file["INIT"]["wq"], rel=0.1)
    assert [g["optimizer_name"] for g in config.optimizer["param_groups"]] == ["AdamW"] * 12
    assert config.training.max_norm == 1.0
    model.dim = 512
    with pytest.raises(ValueError, match="the plan is for 256"):
        file["configure"](config)


def test_every_format_has_a_line_of_help_and_an_implementation() -> None:
    for row in STACKS:
        assert row.summary and isinstance(row.load(), Stack), row.name


def test_umup_goes_as_numbers_only(tmp_path: Path) -> None:
    path = recipe(tmp_path, "gpt")
    with pytest.raises(
        InputError, match="does not support the parameterization umup; take --format json"
    ):
        scale(path, sets=["parameterization=umup"], width=64, format="torch")
