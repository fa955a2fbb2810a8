"""Lion, alone and in a population, against algorithm 2 of Chen et al. 2023 (arXiv 2302.06675)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.optimizers.lion import Lion
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.population.population import Population
from mutransfer_cli.train.trial import Trial

STEPS = 8
CLOSE = 1e-13  # float64, numbers of order one
RECIPE = """
name: lion
model: {build: gpt, args: {head_dim: 16}}
data: {source: stdlib, seq_len: 16}
base: {width: 32, depth: 1, batch: 4, steps: 8}
optimizer: {name: lion, lr: 0.01, betas: [0.8, 0.97], weight_decay: 0.3}
schedule: {name: constant, warmup: 0}
"""


class Written:
    """Algorithm 2: c = β1 m + (1-β1) g; θ ← θ - η (sign(c) + λ θ); m ← β2 m + (1-β2) g."""

    def __init__(self, rate: float, first: float, second: float, decay: float) -> None:
        self.rate, self.first, self.second, self.decay = rate, first, second, decay
        self.moment: np.ndarray | float = 0.0

    def step(self, value: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        c = self.first * self.moment + (1 - self.first) * gradient
        self.moment = self.second * self.moment + (1 - self.second) * gradient
        return value - self.rate * (np.sign(c) + self.decay * value)


pytestmark = pytest.mark.usefixtures("double")


def test_the_optimizer_is_algorithm_2() -> None:
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=(5, 4)), random.normal(size=(STEPS, 5, 4))
    p = torch.nn.Parameter(torch.tensor(start))
    optimizer = Lion([p], lr=0.05, betas=(0.9, 0.99), weight_decay=0.4)
    right, swapped = Written(0.05, 0.9, 0.99, 0.4), Written(0.05, 0.99, 0.9, 0.4)
    bare = Written(0.05, 0.9, 0.99, 0.0)
    value, other, free = start, start, start
    for gradient in gradients:
        p.grad = torch.tensor(gradient)
        optimizer.step()
        value, other = right.step(value, gradient), swapped.step(other, gradient)
        free = bare.step(free, gradient)
    found = p.detach().numpy()
    assert np.abs(found - value).max() < CLOSE
    assert np.abs(found - other).max() > 0.05  # the controls: a sign, and the decay
    assert np.abs(found - free).max() > 0.05


def test_in_a_population_every_trial_is_algorithm_2() -> None:
    """Rates, decays and seeds of its own; gradients by autograd on one trial's own model."""
    settings = [
        {"lr": 0.01, "weight_decay": 0.3},
        {"lr": 0.04, "weight_decay": 0.1},
        {"lr": 0.02, "weight_decay": 0.0},
    ]
    size, base = Size(64, 1, 4, STEPS), loads(RECIPE).recipe  # twice the base: rates by tensor
    factory = ProxyFactory(base)
    trials = [Trial.of(factory, size, seed, setting) for seed, setting in enumerate(settings)]
    population = Population(trials)
    subjects = [t.factory.build(size, t.seed, t.plan) for t in trials]
    names = list(population.stack.param_views)
    lines = [{n: t.plan.tensor(n) for n in names} for t in trials]
    assert len({of[n].lr for of in lines for n in names}) > len(settings)

    def rules(first: float, second: float) -> list[dict[str, Written]]:
        return [
            {n: Written(of[n].lr, first, second, of[n].weight_decay) for n in names} for of in lines
        ]

    right, swapped = rules(0.8, 0.97), rules(0.97, 0.8)
    off = {"right": 0.0, "swapped": 0.0}
    for step in range(STEPS):
        batch, shared = population.batch(step)
        assert not shared  # three seeds, three orders of the data
        before = {n: t.detach().clone() for n, t in population.stack.param_views.items()}
        population.step(step)
        after = population.stack.param_views
        for k, subject in enumerate(subjects):
            own = dict(subject.model.named_parameters())
            with torch.no_grad():
                for n in names:
                    own[n].copy_(before[n][k])
            assert subject.loss is not None
            subject.model.zero_grad()
            subject.loss(subject.model, tuple(part[k] for part in batch)).backward()
            for n in names:
                gradient = own[n].grad
                assert gradient is not None
                for kind, of in (("right", right), ("swapped", swapped)):
                    told = of[k][n].step(before[n][k].numpy(), gradient.numpy())
                    apart = np.abs(after[n][k].detach().numpy() - told).max()
                    off[kind] = max(off[kind], float(apart))
    assert off["right"] < CLOSE
    assert off["swapped"] > 0.001  # the control
