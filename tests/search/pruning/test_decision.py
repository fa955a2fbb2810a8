"""Where a trial is checked, and what margin its losses need."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.problem import pruning_of
from mutransfer_cli.search.pruning.decision import clearly_worse

SIZE = Size(32, 2, 16, 200)


def recipe(search: str, steps: int = 200, more: str = "") -> Recipe:
    return loads(
        "name: p\nmodel: {build: mlp}\ndata: {source: teacher, d_in: 16, d_out: 5}\n"
        f"base: {{width: 32, depth: 2, batch: 16, steps: {steps}}}\nladder: {{width: [32, 64]}}\n"
        f"search: {{{search}}}\n{more}"
    ).recipe


def test_too_few_references_decide_nothing() -> None:
    made = recipe("prune: median")
    curves = [[(s, 1.0) for s in range(200)]] * 2
    assert pruning_of(made).pruner(SIZE, curves, curves) is None
    assert pruning_of(made).pruner(SIZE, [*curves, *curves], curves) is not None


def test_worse_by_less_than_the_noise_of_a_batch_goes_on() -> None:
    bar = [1.0, 2.0, 3.0, 4.0]
    assert clearly_worse([1.1, 2.1, 3.1, 4.1], bar)  # the batches differ by far more than 0.1
    assert not clearly_worse([1.4, 1.8, 3.4, 3.9], bar)  # 0.125 ± 0.15
    assert not clearly_worse(bar, bar)
    assert not clearly_worse([float("nan"), 2.0, 3.0, 4.0], bar)  # whoever diverged was seen before
    made = recipe("prune: halving")
    noise = Random(1)
    curves = [[(s, k + noise.random()) for s in range(200)] for k in (0.0, 0.01, 0.02, 0.03, 0.04)]
    pruner = pruning_of(made).pruner(SIZE, curves, curves)
    assert pruner is not None
    close = [0.05 + noise.random() for _ in range(100)]
    assert pruner(close) is None
    assert pruner([loss + 1.0 for loss in close]) is not None  # the control


def test_judged_at_an_eighth_a_quarter_a_half_and_after_the_warmup() -> None:
    assert pruning_of(recipe("prune: median")).check_steps(SIZE) == (30, 50, 100)
    late = recipe("prune: median", more="schedule: {warmup: 0.3}\n")
    assert pruning_of(late).check_steps(SIZE) == (100,)  # 60 of warmup, then 10 that are averaged
    long = replace(SIZE, steps=1000)
    assert pruning_of(recipe("prune: median")).check_steps(long) == (250, 500)  # 100 and 50
    assert pruning_of(recipe("prune: median")).check_steps(replace(SIZE, steps=10)) == ()
    curve = [(s, float(s)) for s in range(60)]
    assert pruning_of(recipe("prune: median")).reports(SIZE, curve) == ((30, 24.5), (50, 44.5))
