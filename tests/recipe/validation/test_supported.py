"""What would have no effect is refused by name and position, never ignored."""

from __future__ import annotations

import pytest

from mutransfer_cli.catalog.models import MODELS
from mutransfer_cli.catalog.pruners import PRUNERS
from mutransfer_cli.catalog.samplers import SAMPLERS
from mutransfer_cli.catalog.sources import SOURCES
from mutransfer_cli.recipe.load import loads
from tests.helpers.recipes import GOOD, MLP, change, refused

LATER = "is not available yet in this version; available: "


@pytest.mark.parametrize("source", ["my.data:batches"])
def test_data(source: str) -> None:
    text = change("build: gpt", "build: my.model:build").replace("stdlib", f"{source}, path: x.npz")
    text = text.replace("args: {head_dim: 16}", "args: {}")
    line = refused(text)
    assert line == f"r.yaml:7:16: data.source: {source} {LATER}{', '.join(SOURCES.names)}"


PRUNING = next(row.name for row in PRUNERS if row.prunes)
OTHERS = " | ".join(row.name for row in SAMPLERS if not row.needs_ranges)
TAIL = [
    *(
        (
            f"search: {{sampler: {row.name}}}",
            f"10:19: search.sampler: {row.name} needs search.budget.trials",
        )
        for row in SAMPLERS
        if row.needs_trials
    ),
    *(
        (
            f"search: {{sampler: {row.name}, space: {{eps: {{log10: [-9, -6]}}}}}}",
            f"10:19: search.sampler: {row.name} needs a range of lr",
        )
        for row in SAMPLERS
        if row.needs_lr_range
    ),
    (
        "search: {sampler: adaptive, space: {lr: {log2: [-9, -3]}, eps: {choice: [1.0e-8]}}}",
        "10:64: search.space.eps: adaptive searches ranges, such as log2: [-12, -3]; for a choice "
        f"take {OTHERS}",
    ),
    (
        f"search: {{prune: {PRUNING}, space: {{init_std: {{log2: [-5, 0]}}}}}}",
        "10:17: search.prune: with sampler: grid, pruning ends only",
    ),
    ("rules: {depth_alpha: 0.5}", "10:22: rules.depth_alpha: belongs to completep; mup has no"),
    (
        "rules: {depth: maximal-update}\nparameterization: completep",
        "10:16: rules.depth: completep has a rule of its own for the depth; expected",
    ),
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


KNOBS = [
    ("attention", "multipliers: {attention: 0.1}", "10:26: multipliers.attention: {} has no att"),
    ("embedding", "multipliers: {embedding: 2}", "10:26: multipliers.embedding: {} has no embed"),
    ("residual_branches", "multipliers: {residual: 2}", "10:25: multipliers.residual: {} has no r"),
    ("residual_branches", "init: {residual: gpt2}", "10:18: init.residual: {} has no residual bra"),
]


@pytest.mark.parametrize("model", MODELS.names)
@pytest.mark.parametrize(("has", "tail", "line"), KNOBS)
def test_knobs_of_parts_that_a_model_lacks(model: str, has: str, tail: str, line: str) -> None:
    text = (GOOD if MODELS[model].reads == "tokens" else MLP) + tail + "\n"
    text = text.replace("build: gpt", f"build: {model}").replace("build: mlp", f"build: {model}")
    if getattr(MODELS[model], has):
        loads(text)
    else:
        assert refused(text).startswith("r.yaml:" + line.format(model))


def test_the_built_in_models_have_these_parts() -> None:
    """By their architectures; convnet's stem counts as an embedding."""
    parts = {name for name, _, _ in KNOBS}
    assert not any(getattr(MODELS["mlp"], part) for part in parts)
    assert all(getattr(MODELS["gpt"], part) for part in parts)
