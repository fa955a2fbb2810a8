"""A population whose step is replayed: the losses of torch's own optimizers, step by step.

No GPU is needed: `tape.py` stands for the graph. What it cannot show is the capture itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.batched_optimizers.per_trial import PerTrialOptimizer
from mutransfer_cli.train.cuda_graph.buffers import structure_of
from mutransfer_cli.train.cuda_graph.graph import WARMUP_STEPS
from mutransfer_cli.train.engine.graph_benchmark import uncapturable_reason
from mutransfer_cli.train.population import population as population_module
from mutransfer_cli.train.population.captured_population import CapturedPopulation
from mutransfer_cli.train.population.population import Population
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.trial import Trial
from tests.helpers.graph_tape import Tape, graphs_on_a_cpu
from tests.helpers.trials import MODELS, small_recipe

STEPS = 20
SIZE = Size(64, 2, 8, STEPS)  # twice the base: rates by tensor
RATES = {"sgd": 0.02, "adam": 0.002, "adamw": 0.002, "lion": 0.0005, "muon": 0.005}
OWN: list[dict[str, float]] = [  # every number that a trial can have for itself
    {"clip": 0.3, "warmup": 0.5},
    {"clip": 2.0, "warmup": 0.2, "final": 0.3},
    {"clip": 0.1, "warmup": 0.0},
    {"warmup": 0.3},
]


@pytest.fixture
def tapes(monkeypatch: pytest.MonkeyPatch) -> list[Tape]:
    return graphs_on_a_cpu(monkeypatch)


def recipe(model: str, optimizer: str) -> Recipe:
    shape, data = MODELS[model]
    decay = 0.0 if optimizer == "adam" else 0.1
    return loads(
        f"name: p\nmodel: {shape}\ndata: {data}\n"
        "base: {width: 32, depth: 2, batch: 8, steps: 20}\n"
        f"optimizer: {{name: {optimizer}, lr: {RATES[optimizer]}, weight_decay: {decay}}}\n"
    ).recipe


def trials(model: str, optimizer: str) -> list[Trial]:
    factory, found = ProxyFactory(recipe(model, optimizer)), []
    for i, own in enumerate(OWN):
        more: dict[str, float] = {"lr": RATES[optimizer] / (i + 1)}
        if optimizer in {"adam", "adamw", "lion"}:
            more |= {"beta1": 0.9 - 0.1 * i, "beta2": 0.99 - 0.02 * i}
        if optimizer == "sgd":
            more |= {"momentum": 0.3 * (i % 3)}
        if optimizer != "adam":
            more |= {"weight_decay": 0.1 * i}
        found.append(Trial.of(factory, SIZE, i % 2, own | more))
    return found


def as_torch_steps(group: Sequence[Trial], monkeypatch: pytest.MonkeyPatch) -> Population:
    """The reference: torch's optimizers (Lion: ours, tested by itself), each trial by itself."""
    with monkeypatch.context() as patch:
        patch.setattr(population_module, "batched_optimizers", lambda *a: [PerTrialOptimizer(*a)])
        return Population(group)


def losses(population: Population, steps: Sequence[int]) -> Tensor:
    return torch.stack([population.step(i) for i in steps])


def off(one: Tensor, other: Tensor) -> float:
    return float(((one - other) / other).abs().max())


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "lion"])
@pytest.mark.parametrize("model", ["mlp", "gpt", "llama"])
def test_losses_are_those_of_torch_s_optimizers(
    model: str,
    optimizer: str,
    tapes: list[Tape],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """In double precision; also after two of four trials have left, and a new capture."""
    group = trials(model, optimizer)
    request.getfixturevalue("double")  # the teacher's data are of single precision, and planned on
    reference, replayed = as_torch_steps(group, monkeypatch), CapturedPopulation(group)
    first, rest = range(12), range(12, STEPS)
    assert off(losses(replayed, first), losses(reference, first)) < 1e-12
    for population in (reference, replayed):
        population.select([1, 3])
    assert off(losses(replayed, rest), losses(reference, rest)) < 1e-12
    assert [t.replays for t in tapes] == [12 - WARMUP_STEPS, STEPS - 12 - WARMUP_STEPS]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "lion", "muon"])
def test_in_single_precision(
    optimizer: str, tapes: list[Tape], monkeypatch: pytest.MonkeyPatch
) -> None:
    group = trials("gpt", optimizer)
    reference, replayed = as_torch_steps(group, monkeypatch), CapturedPopulation(group)
    found, right = losses(replayed, range(STEPS)), losses(reference, range(STEPS))
    assert off(found, right) < (5e-3 if optimizer == "muon" else 1e-6)  # it rounds to 8 bits
    assert tapes[0].replays == STEPS - WARMUP_STEPS
    swapped = CapturedPopulation([group[i] for i in (1, 0, 2, 3)])
    assert off(losses(swapped, range(STEPS)), right) > 1e-2  # the control: whose numbers they are


def test_what_is_captured_does_not_change(
    tapes: list[Tape], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the tape: numbers of the host stay as they were at the capture."""
    group = trials("mlp", "adamw")
    right = losses(as_torch_steps(group, monkeypatch), range(STEPS))
    stuck = CapturedPopulation(group)
    monkeypatch.setattr(
        CapturedPopulation,
        "prepare",
        lambda self, i: Population.prepare(self, min(i, WARMUP_STEPS)),
    )
    assert off(losses(stuck, range(STEPS)), right) > 1e-3
    assert tapes[0].replays == STEPS - WARMUP_STEPS


def test_goes_on_after_a_checkpoint_to_the_same_last_digit(tapes: list[Tape]) -> None:
    group = trials("gpt", "adamw")
    whole = losses(CapturedPopulation(group), range(STEPS))
    before, after = CapturedPopulation(group), CapturedPopulation(group[:2])
    losses(before, range(9))
    after.restore(before.state(), [0, 1])
    assert torch.equal(losses(after, range(9, STEPS)), whole[9:, :2])
    assert len(tapes) == 3


def test_one_that_diverges_leaves_the_others_as_they_are(tapes: list[Tape]) -> None:
    made, size = recipe("mlp", "adamw"), Size(32, 2, 8, 40)

    def trained(rates: list[float]) -> dict[int, Any]:
        group = [Trial.of(ProxyFactory(made), size, 0, {"lr": rate}) for rate in rates]
        return {i: (r.outcome, r.curve) for i, r in train_population(group, step_mode="graph")}

    found, whole = trained([0.001, 1e30, 0.002]), trained([0.001, 0.003, 0.002])
    assert found[1][0] == "diverged" and whole[1][0] == "finished"
    assert (found[0], found[2]) == (whole[0], whole[2])  # bit for bit
    assert [t.replays for t in tapes] == [10 - WARMUP_STEPS, 30 - WARMUP_STEPS, 40 - WARMUP_STEPS]


HOSTILE = """
import torch
from torch import nn
from tests.helpers.trials import plain_net
class Counts(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net, self.calls = plain_net(width), 0
    def forward(self, x):
        self.calls += 1
        return self.net(x) * (1 + 0.01 * self.calls)
class Hides(Counts):
    def forward(self, x):
        self.hidden = [*getattr(self, "hidden", []), 1]
        return self.net(x) * (1 + 0.01 * len(self.hidden))
class Makes(Counts):
    def forward(self, x):
        return self.net(x) * torch.tensor(0.5)
def counts(width): return Counts(width)
def hides(width): return Hides(width)
def makes(width): return Makes(width)
def noisy(width): return nn.Sequential(plain_net(width), nn.Dropout(0.5))
def still(width): return plain_net(width)
"""


@pytest.mark.parametrize(
    ("build", "told"),
    [
        ("hostile:still", None),
        ("hostile:counts", "calls changes in a step"),  # a number that it keeps on the host
        ("hostile:hides", "apart after"),
        ("hostile:makes", "not permitted when stream is capturing"),
        ("hostile:noisy", "hostile:noisy draws random numbers in training"),
    ],
)
def test_what_is_not_the_same_every_time_is_not_captured(
    build: str,
    told: str | None,
    tapes: list[Tape],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    (tmp_path / "hostile.py").write_text(HOSTILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    made = small_recipe("own", build=build)
    group = [Trial.of(ProxyFactory(made), SIZE, seed) for seed in range(2)]
    why = uncapturable_reason(group, "cpu")
    assert (why is None) == (told is None), why
    assert told is None or (why is not None and told in why)


def test_an_optimizer_that_steps_each_trial_is_not_captured(tapes: list[Tape]) -> None:
    made = small_recipe("mlp", "adafactor")
    why = uncapturable_reason([Trial.of(ProxyFactory(made), SIZE)], "cpu")
    assert why == "a step of adafactor is not the same every time"


def test_a_failed_capture_costs_nothing(tapes: list[Tape], monkeypatch: pytest.MonkeyPatch) -> None:
    group = trials("mlp", "adamw")
    right = losses(as_torch_steps(group, monkeypatch), range(STEPS))

    def fails(*_: object) -> None:
        raise RuntimeError("CUDA error: operation not permitted")

    monkeypatch.setattr("mutransfer_cli.train.cuda_graph.graph.capture_step", fails)
    population = CapturedPopulation(group)
    assert off(losses(population, range(STEPS)), right) < 1e-6
    assert population.failure == "its step cannot be captured: CUDA error: operation not permitted"


def test_batches_of_another_form_are_stepped_as_they_are(
    tapes: list[Tape], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third batch has half of the examples."""

    def halved(self: Population, step: int) -> tuple[Any, bool]:
        (x, y), shared = whole(self, step)
        return ((x[:, :4], y[:, :4]) if step % 3 == 2 else (x, y)), shared

    whole = Population.draw
    monkeypatch.setattr(Population, "draw", halved)
    group = trials("mlp", "adamw")
    right = losses(as_torch_steps(group, monkeypatch), range(STEPS))
    assert off(losses(CapturedPopulation(group), range(STEPS)), right) < 1e-6
    assert tapes[0].replays == 14 - WARMUP_STEPS  # steps 2, 5, …, 17 are six of 20


def test_the_form_of_a_batch() -> None:
    x = torch.zeros(2, 3)
    assert structure_of({"x": x, "n": 3}) == structure_of({"x": x + 1, "n": 3})
    for other in ({"x": x, "n": 4}, {"x": x[:1], "n": 3}, {"x": x.double(), "n": 3}, (x, 3)):
        assert structure_of(other) != structure_of({"x": x, "n": 3})
    assert structure_of([x, object()]) is None and structure_of({"x": (x, object())}) is None


def test_memory_that_a_graph_writes_to_is_not_given_away(tapes: list[Tape]) -> None:
    """A look at batches of another size takes new memory for activations."""
    population = CapturedPopulation(trials("mlp", "adamw"))
    losses(population, range(WARMUP_STEPS + 2))
    held = {t.data_ptr() for t in population.held}
    population.validation_losses([0])
    assert held != {t.data_ptr() for t in population.stack.memory()}  # the control
    assert held == {t.data_ptr() for t in population.held}
