"""What would have no effect is refused by name and position, never ignored."""

from __future__ import annotations

import pytest

from mutransfer_cli.recipe.load import loads
from tests.helpers.recipes import GOOD, MLP, change, refused

LATER = "is not available yet in this version; available: "


@pytest.mark.parametrize("source", ["my.data:batches"])
def test_data(source: str) -> None:
    text = change("build: gpt", "build: my.model:build").replace("stdlib", f"{source}, path: x.npz")
    text = text.replace("args: {head_dim: 16}", "args: {}")
    line = refused(text)
    assert line == (
        f"r.yaml:7:16: data.source: {source} {LATER}stdlib, text, tokens, digits, teacher, tensors"
    )


TAIL = [
    ("search: {sampler: gp}", "10:19: search.sampler: gp needs search.budget.trials"),
    (
        "search: {sampler: adaptive, space: {eps: {log10: [-9, -6]}}}",
        "10:19: search.sampler: adaptive needs a range of lr",
    ),
    (
        "search: {sampler: adaptive, space: {lr: {log2: [-9, -3]}, eps: {log10: [-9, -6]}}}",
        "10:19: search.sampler: adaptive searches the learning rate and nothing else; for other "
        "hyperparameters take tpe | gp | independent",
    ),
    ("search: {sampler: tpe}", "10:19: search.sampler: tpe needs search.budget.trials"),
    ("search: {sampler: sobol}", "10:19: search.sampler: sobol needs search.budget.trials"),
    (
        "search: {prune: median, space: {init_std: {log2: [-5, 0]}}}",
        "10:17: search.prune: with sampler: grid, pruning ends only",
    ),
    ("rules: {depth_alpha: 0.5}", "10:22: rules.depth_alpha: belongs to completep; mup has no"),
    (
        "parameterization: completep\nrules: {alignment: none}",
        "11:20: rules.alignment: completep has one table",
    ),
]


@pytest.mark.parametrize(("tail", "line"), TAIL)
def test_further_sections(tail: str, line: str) -> None:
    assert refused(GOOD + tail + "\n").startswith("r.yaml:" + line)


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
        ("multipliers: {residual: 2}", "10:25: multipliers.residual: mlp has no residual"),
        ("init: {residual: gpt2}", "10:18: init.residual: mlp has no residual branches"),
    ]:
        assert refused(MLP + tail + "\n").startswith("r.yaml:" + line)
        loads(GOOD + tail + "\n")  # all of them mean something for gpt
    convnet = MLP.replace("mlp", "convnet").replace("teacher", "digits")
    assert "convnet has no attention" in refused(convnet + "multipliers: {attention: 0.1}\n")
    loads(convnet + "multipliers: {residual: 2}\n")
