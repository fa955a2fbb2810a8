"""What this version cannot do is refused by name and place, never ignored."""

from __future__ import annotations

import pytest

from mutransfer_cli.recipe.load import loads

from .test_place import GOOD, MLP, change, refused

LATER = "is not available yet in this version; available: "


@pytest.mark.parametrize("name", ["ntk", "mean-field", "umup", "completep"])
def test_parameterizations(name: str) -> None:
    line = refused(GOOD + f"parameterization: {name}\n")
    assert line == f"r.yaml:10:19: parameterization: {name} {LATER}mup, sp"


@pytest.mark.parametrize("name", ["mup", "sp"])
def test_available_parameterizations(name: str) -> None:
    assert loads(GOOD + f"parameterization: {name}\n").recipe.parameterization == name


@pytest.mark.parametrize("name", ["lion", "muon", "adafactor"])
def test_optimizers(name: str) -> None:
    line = refused(change("lr: 0.01", f"name: {name}"))
    assert line == f"r.yaml:6:9: optimizer.name: {name} {LATER}adamw, adam, sgd"


@pytest.mark.parametrize("build", ["convnet", "hf:llama", "hf:some/config.json"])
def test_models(build: str) -> None:
    line = refused(change("build: gpt", f"build: {build}"))
    assert line == f"r.yaml:3:10: model.build: {build} {LATER}mlp, gpt, package.module:callable"


@pytest.mark.parametrize("source", ["tensors", "my.data:batches"])
def test_data(source: str) -> None:
    text = change("build: gpt", "build: my.model:build").replace("stdlib", f"{source}, path: x.npz")
    text = text.replace("args: {head_dim: 16}", "args: {}")
    line = refused(text)
    assert line == (
        f"r.yaml:7:16: data.source: {source} {LATER}stdlib, text, tokens, digits, teacher"
    )


TAIL = [
    ("search: {sampler: gp}", "10:19: search.sampler: gp " + LATER + "grid, sobol, tpe"),
    ("search: {sampler: adaptive}", "10:19: search.sampler: adaptive "),
    ("search: {sampler: independent}", "10:19: search.sampler: independent "),
    ("search: {sampler: tpe}", "10:19: search.sampler: tpe needs search.budget.trials"),
    ("search: {sampler: sobol}", "10:19: search.sampler: sobol needs search.budget.trials"),
    ("search: {prune: median}", "10:17: search.prune: median " + LATER + "none"),
    ("search: {prune: halving}", "10:17: search.prune: halving "),
    ("rules: {alignment: none}", "10:20: rules.alignment: none " + LATER + "full"),
    ("rules: {horizon: empirical}", "10:18: rules.horizon: empirical " + LATER + "steps"),
    ("rules: {horizon: none}", "10:18: rules.horizon: none "),
    ("rules: {beta1: scale}", "10:16: rules.beta1: scale " + LATER + "keep"),
    ("rules: {depth_alpha: 0.5}", "10:22: rules.depth_alpha: 0.5 " + LATER + "1.0"),
    ("target: {depth: 4}", "10:17: target.depth: transfer along depth is not available yet"),
    ("target: {batch: 4}", "10:17: target.batch: transfer along batch "),
    ("target: {steps: 4}", "10:17: target.steps: transfer along steps "),
    ("target: {tokens: 2.0e+10}", "10:18: target.tokens: transfer along steps "),
    ("train: {command: x, loss: {file: a, key: b}}", "10:1: train: a training program of your"),
]


@pytest.mark.parametrize(("tail", "line"), TAIL)
def test_further_sections(tail: str, line: str) -> None:
    assert refused(GOOD + tail + "\n").startswith("r.yaml:" + line)


@pytest.mark.parametrize(("axis", "other"), [("depth", 4), ("batch", 32), ("steps", 100)])
def test_ladders_along_other_axes(axis: str, other: int) -> None:
    base = {"depth": 2, "batch": 16, "steps": 200}[axis]
    text = change("{width: [32, 64]}", f"{{{axis}: [{base}, {other}]}}")
    line = refused(text)
    column = len(f"ladder: {{{axis}: [{base}, ") + 1
    assert line.startswith(f"r.yaml:9:{column}: ladder.{axis}.1: transfer along {axis} is not")
    loads(change("{width: [32, 64]}", f"{{{axis}: [{base}]}}"))


def test_targets_that_repeat_the_base_are_allowed() -> None:
    # 200 steps × 16 examples × 64 tokens
    for same in ("depth: 2, batch: 16, steps: 200", "tokens: 204800"):
        assert loads(GOOD + f"target: {{width: 4096, {same}}}\n").recipe.target is not None


@pytest.mark.parametrize("parameterization", ["mup", "sp"])
def test_adam_has_no_weight_decay(parameterization: str) -> None:
    text = (
        change("lr: 0.01", "{name: adam, weight_decay: 0.1}").replace(
            "optimizer:\n  ", "optimizer: "
        )
        + f"parameterization: {parameterization}\n"
    )
    assert refused(text).startswith(
        "r.yaml:5:39: optimizer.weight_decay: adam adds the decay to the gradient"
    )
    assert "adamw" in refused(text)
    assert loads(text.replace("adam,", "adamw,")).recipe.optimizer.weight_decay == 0.1
    assert loads(text.replace(", weight_decay: 0.1", "")).recipe.optimizer.weight_decay == 0.0


def test_adam_may_not_search_over_weight_decay() -> None:
    text = change("lr: 0.01", "name: adam")
    text += "search: {space: {weight_decay: {linear: [0, 0.1]}}}\n"
    assert refused(text).startswith(
        "r.yaml:10:41: search.space.weight_decay.linear: 0.1 cannot be used: optimizer.weight_decay"
    )


def test_knobs_without_a_meaning() -> None:
    text = change("lr: 0.01", "{momentum: 0.9}").replace("optimizer:\n  ", "optimizer: ")
    assert refused(text).startswith("r.yaml:5:23: optimizer.momentum: adamw has no momentum")
    for tail, line in [
        ("multipliers: {attention: 0.1}", "10:26: multipliers.attention: mlp has no attention"),
        ("multipliers: {embedding: 2}", "10:26: multipliers.embedding: mlp has no embedding"),
        ("multipliers: {residual: 2}", "10:25: multipliers.residual: for mlp it is not available"),
        ("init: {residual: gpt2}", "10:18: init.residual: mlp has no residual branches"),
    ]:
        assert refused(MLP + tail + "\n").startswith("r.yaml:" + line)
        loads(GOOD + tail + "\n")  # all of them mean something for gpt
