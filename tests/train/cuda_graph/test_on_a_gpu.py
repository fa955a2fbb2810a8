"""On a GPU: populations, plain and captured, train as the same trials one by one.

Skipped where there is none. The reference is torch's own optimizers, each trial by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.search.sweep import sweep
from mutransfer_cli.train.batched_optimizers.per_trial import PerTrialOptimizer
from mutransfer_cli.train.population import population as population_module
from mutransfer_cli.train.population.captured_population import CapturedPopulation
from mutransfer_cli.train.population.population import Population
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.trial import Trial
from tests.helpers.trials import MLP, rate_of, small_recipe

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

DEVICE = "cuda:0"
STEPS = 20
SIZE = Size(64, 2, 8, STEPS)
# Sums on a GPU run in another order for another shape; Muon rounds to the 8 bits of bfloat16.
TOLERANCE = {"muon": 2e-2}
# transformers makes another attention mask while a stream is captured, which vmap cannot batch.
NOT_CAPTURED = {"llama"}
SEARCH = """
ladder: {width: [16, 32]}
search: {seeds: 1, extend: 0, space: {lr: {log2: [-8, -5]}}}
"""


def trials(model: str, optimizer: str) -> list[Trial]:
    factory = ProxyFactory(small_recipe(model, optimizer))
    rate = rate_of(optimizer) / 2
    return [Trial.of(factory, SIZE, i % 2, {"lr": rate / (i + 1)}) for i in range(4)]


def as_torch_steps(group: Sequence[Trial], monkeypatch: pytest.MonkeyPatch) -> Population:
    with monkeypatch.context() as patch:
        patch.setattr(population_module, "batched_optimizers", lambda *a: [PerTrialOptimizer(*a)])
        return Population(group, DEVICE)


def losses(population: Population, steps: Sequence[int]) -> Tensor:
    return torch.stack([population.step(i) for i in steps]).cpu()


def off(one: Tensor, other: Tensor) -> float:
    return float(((one - other) / other).abs().max())


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "lion", "muon"])
@pytest.mark.parametrize("model", ["mlp", "gpt", "llama"])
def test_a_captured_step_is_torch_s(
    model: str, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after two of four trials have left, and another capture."""
    group = trials(model, optimizer)
    reference, captured = as_torch_steps(group, monkeypatch), CapturedPopulation(group, DEVICE)
    limit = TOLERANCE.get(optimizer, 1e-4)
    first, rest = range(12), range(12, STEPS)
    right = losses(reference, first)
    assert off(losses(captured, first), right) < limit
    assert captured.failure is None or model in NOT_CAPTURED
    for population in (reference, captured):
        population.select([1, 3])
    assert off(losses(captured, rest), losses(reference, rest)) < limit
    assert captured.failure is None or model in NOT_CAPTURED
    swapped = CapturedPopulation([group[i] for i in (1, 0, 2, 3)], DEVICE)
    assert off(losses(swapped, first), right) > 1e-3  # the control: whose numbers they are


def test_goes_on_after_a_checkpoint_to_the_same_last_digit() -> None:
    group = trials("mlp", "adamw")
    whole = losses(CapturedPopulation(group, DEVICE), range(STEPS))
    before, after = CapturedPopulation(group, DEVICE), CapturedPopulation(group, DEVICE)
    losses(before, range(9))
    after.restore(before.state(), [0, 1, 2, 3])
    assert torch.equal(losses(after, range(9, STEPS)), whole[9:])


def test_one_that_diverges_leaves_the_others() -> None:
    size, factory = Size(32, 2, 8, 40), ProxyFactory(small_recipe("mlp"))
    group = [Trial.of(factory, size, 0, {"lr": rate}) for rate in (0.001, 1e30, 0.002)]
    found = dict(train_population(group, device=DEVICE, step_mode="graph"))
    assert [found[i].outcome for i in range(3)] == ["finished", "diverged", "finished"]
    plain = dict(train_population(group, device=DEVICE))
    for i in (0, 2):
        assert found[i].loss == pytest.approx(plain[i].loss, rel=1e-4)


def test_a_sweep_finds_the_losses_of_a_cpu(tmp_path: Path) -> None:
    """In float32 on both; to the rounding of thirty steps."""
    made = loads(MLP + SEARCH)
    losses = {}
    for device in ("cpu", DEVICE):
        run = tmp_path / device.replace(":", "")
        assert sweep(made, run, device=device).trials.finished == 8
        losses[device] = {r.key: r.loss for r in Run.open(run).records}
    assert losses[DEVICE] == pytest.approx(losses["cpu"], rel=1e-3)
    assert max(losses["cpu"].values()) > 1.01 * min(losses["cpu"].values())  # the trials do differ
