"""Populations train as the same trials one by one, and no trial touches another."""

from __future__ import annotations

import pytest

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.optimizers.protocol import optimizer_spec
from mutransfer_cli.plans.param_groups import trainable_optimizers
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.batched_optimizers import fused
from mutransfer_cli.train.engine.choose import EngineChoice, Timing
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.single_trial import train_trial
from mutransfer_cli.train.trial_result import Result
from tests.helpers.slow_cases import slow_except
from tests.helpers.trials import TEXT, rate_of, small_recipe, trials_of


def both(
    made: Recipe, size: Size, settings: list[dict[str, float]]
) -> tuple[list[Result], list[Result]]:
    """The trials together, and one by one."""
    group = trials_of(made, size, settings)
    together = dict(train_population(group))
    alone = [train_trial(trial) for trial in group]
    return [together[i] for i in range(len(group))], alone


def apart(together: list[Result], alone: list[Result]) -> float:
    assert [r.outcome for r in together] == [r.outcome for r in alone] == ["finished"] * len(alone)
    return max(
        abs((a.loss or 0) - (b.loss or 0)) / (b.loss or 1)
        for a, b in zip(together, alone, strict=True)
    )


def settings(optimizer: str) -> list[dict[str, float]]:
    """Rates up to the optimum; init and multipliers of their own."""
    rate = rate_of(optimizer)
    return [
        {"lr": rate, "init_std": 0.1},
        {"lr": rate / 4, "init_std": 0.2},
        {"lr": rate / 2, "init_std": 0.1, "logit_multiplier": 2.0},
    ]


# torch's Muon orthogonalizes in bfloat16, of 8 bits: a rounding there is 2^-9 of an update
TOLERANCE = {"muon": 5e-3}
OFTEN = {"sgd", "adamw", "muon"}  # the slow tests train a GPT with the others too
# the others are in test_further_optimizers.py and test_hyperball.py of tests/optimizers
TRAINED = [
    row.name
    for row in OPTIMIZERS
    if row.name in trainable_optimizers()
    and not (row.package or row.second_order or row.initial_steps)
    and not optimizer_spec(row.name).geometry.keeps_norm
]


@pytest.mark.parametrize("optimizer", TRAINED)
def test_every_optimizer(optimizer: str) -> None:
    trains_alike("mlp", optimizer)


@pytest.mark.parametrize("optimizer", slow_except(OFTEN, TRAINED))
def test_every_optimizer_of_a_gpt(optimizer: str) -> None:
    trains_alike("gpt", optimizer)


def trains_alike(model: str, optimizer: str) -> None:
    made = small_recipe(model, optimizer)
    together, alone = both(made, Size(32, 2, 8, 100), settings(optimizer))
    assert apart(together, alone) < TOLERANCE.get(optimizer, 1e-4)
    assert len({round(r.loss or 0, 4) for r in alone}) == 3  # the trials do differ


@pytest.mark.parametrize(
    "optimizer", slow_except(OFTEN, [n for n in TRAINED if n not in TOLERANCE])
)
def test_in_double_precision(optimizer: str, double: None) -> None:
    together, alone = both(small_recipe("gpt", optimizer), Size(32, 2, 8, 100), settings(optimizer))
    assert apart(together, alone) < 1e-9


# BatchNorm divides what hardly varies, such as the dark edges of digits, by next to nothing, and so
# multiplies differences of rounding; a few steps show that each trial has statistics of its own.
@pytest.mark.parametrize(
    ("model", "steps"), [("group", 100), ("batch", 20), ("llama", 100), ("own", 100)]
)
def test_every_model(model: str, steps: int, own_module: None) -> None:
    rates = [{"lr": rate} for rate in (0.002, 0.0005, 0.001)]
    together, alone = both(small_recipe(model), Size(32, 2, 8, steps), rates)
    assert apart(together, alone) < 1e-4


def test_clipping_is_each_trial_s_own() -> None:
    made = small_recipe("mlp", "sgd", "clip: 0.05\n")
    size = Size(32, 2, 8, 50)
    together, alone = both(made, size, [{"lr": 0.1}, {"lr": 0.4}])
    assert apart(together, alone) < 1e-5
    free, _ = both(small_recipe("mlp", "sgd"), size, [{"lr": 0.1}, {"lr": 0.4}])
    assert apart(free, alone) > 1e-3  # the control: the threshold matters


def test_one_that_diverges_leaves_the_other_31_as_they_are() -> None:
    size, rates = Size(32, 2, 8, 40), [{"lr": 0.0002 * (i + 1)} for i in range(32)]
    made = small_recipe("mlp")
    whole = dict(train_population(trials_of(made, size, rates)))
    broken = [*rates]
    broken[5] = {"lr": 1e30}
    found = dict(train_population(trials_of(made, size, broken)))
    assert found[5].outcome == "diverged" and found[5].loss is None
    for i in range(32):
        if i != 5:
            assert found[i].loss == whole[i].loss  # bit for bit
            assert found[i].curve == whole[i].curve


def test_pieces_end_soonest() -> None:
    """By hand: 32 trials on 2 workers at 1 s alone, 0.5 s in fours, 0.25 s in eights.

    Alone 16 s; in fours 4 rounds of 4 × 0.5 = 8 s; in eights 2 rounds of 8 × 0.25 = 4 s.
    """
    timings = (Timing(1, 1.0, 1), Timing(4, 0.5, 4), Timing(8, 0.25, 8))
    assert EngineChoice(timings, 8, "").pieces(32, 2) == [8] * 4
    alone = EngineChoice((Timing(1, 1.0, 1), Timing(4, 1.5, 4)), 1, "")
    assert alone.pieces(5, 2) == [1] * 5


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_as_on_a_gpu(optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch's fused kernels step no single trial, a few operations step them all."""
    monkeypatch.setattr(fused, "prefers_fused", lambda device: False)
    more = "clip: 1.0\n"
    if optimizer == "sgd":
        extra = [{"momentum": 0.9}, {"momentum": 0.5}, {"momentum": 0.0}]
        rates = [0.02, 0.05, 0.1]
    else:
        extra = [
            {"beta1": 0.9, "beta2": 0.95, "eps": 1e-8},
            {"beta1": 0.8, "beta2": 0.99, "eps": 1e-6},
            {"beta1": 0.95, "beta2": 0.9, "eps": 1e-8},
        ]
        rates = [0.005, 0.002, 0.001]
    if optimizer == "adamw":
        extra = [{**e, "weight_decay": d} for e, d in zip(extra, (0.0, 0.1, 0.3), strict=True)]
    trials = [{"lr": r, **e} for r, e in zip(rates, extra, strict=True)]
    together, alone = both(small_recipe("mlp", optimizer, more), Size(64, 2, 8, 60), trials)
    assert apart(together, alone) < 1e-4
    swapped = [{**t, "lr": trials[i - 1]["lr"]} for i, t in enumerate(trials)]
    other, _ = both(small_recipe("mlp", optimizer, more), Size(64, 2, 8, 60), swapped)
    assert apart(other, alone) > 1e-3  # the control: whose numbers they are matters


@pytest.mark.parametrize("width", slow_except([24], [24, 30]))
@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh", "silu"])
def test_the_perceptron_s_own_backward_pass(activation: str, width: int) -> None:
    """Of batches and widths that fill no vector register; with and without biases."""
    for bias in ("true", "false"):
        made = loads(
            f"name: p\nmodel: {{build: mlp, args: {{activation: {activation}, bias: {bias}}}}}\n"
            "data: {source: teacher, d_in: 7, d_out: 3}\n"
            "base: {width: 24, depth: 2, batch: 5, steps: 40}\n"
            "optimizer: {name: adamw, lr: 0.005}\nmultipliers: {logit: 0.5}\n"
        ).recipe
        size = Size(width, 2, 5, 40)
        trials = [{"lr": 0.004}, {"lr": 0.002, "logit_multiplier": 2.0}, {"lr": 0.001}]
        together, alone = both(made, size, trials)
        assert apart(together, alone) < 1e-4
        broken = dict(train_population(trials_of(made, size, [*trials[:2], {"lr": 1e30}])))
        assert broken[2].outcome == "diverged"
        assert [broken[i].loss for i in range(2)] == [r.loss for r in together[:2]]


FORMS = {
    "tied": ("tied: true", ""),
    "biases": ("bias: true", ""),
    "umup": ("tied: false", "parameterization: umup\n"),
    "completep": ("tied: false", "parameterization: completep\n"),
}


@pytest.mark.parametrize("form", slow_except(["tied", "umup"], FORMS))
def test_every_form_of_the_gpt(form: str) -> None:
    """What the written-out pass has to know of the module: ties, biases, skip weights, hooks."""
    arguments, more = FORMS[form]
    made = loads(
        f"name: p\nmodel: {{build: gpt, args: {{head_dim: 16, {arguments}}}}}\ndata: {TEXT}\n"
        "base: {width: 32, depth: 2, batch: 8, steps: 40}\n"
        f"optimizer: {{name: adamw, lr: 0.005}}\n{more}"
    ).recipe
    rate = 0.1 if form == "umup" else 0.004
    size = Size(64, 4, 8, 40)
    together, alone = both(made, size, [{"lr": rate}, {"lr": rate / 2}])
    assert apart(together, alone) < 1e-4
    other, _ = both(made, size, [{"lr": rate * 1.2}, {"lr": rate / 2}])
    assert apart(other, alone) > 1e-3  # the control
