"""Steps of K trials under torch.compile against the ways that a sweep has.

python -m tests.benchmarks.compiled [cases [sizes [seconds]]]

cases: of CASES, by commas; sizes: trials in a population, by commas; seconds: of stepping each way
once it is compiled. One thread, interleaved. A sweep has `alone`, one trial after another, and
`population`. Under torch.compile: `alone, compiled`, the model; `population, compiled`, its forward
and backward pass; `vmap, compiled`, the same of a model that is written out. Of each: the median of
its ratio to the faster of the first two, the seconds of compiling (no cache), and the steps of the
whole population that repay them. The optimizer's step is torch's fused kernel in all of them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from unittest.mock import patch

import torch
import torch._inductor.config

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.train.population.model_stack import ModelStack
from mutransfer_cli.train.population.population import Population
from mutransfer_cli.train.single_trial import SingleModel
from mutransfer_cli.train.trial import Trial
from tests.benchmarks.given_words import given_words

Step = Callable[[], object]
TEXT = "data: {source: stdlib, seq_len: 64}"
CASES = {
    "mlp-64": ("mlp", 64, 64, "data: {source: teacher, d_in: 64, d_out: 10}"),
    "mlp-256": ("mlp", 256, 64, "data: {source: teacher, d_in: 64, d_out: 10}"),
    "gpt-64": ("gpt, args: {head_dim: 32}", 64, 8, TEXT),
    "gpt-128": ("gpt, args: {head_dim: 32}", 128, 8, TEXT),
    "convnet-16": ("convnet, args: {norm: group}", 16, 16, "data: {source: digits}"),
    "own-32": ("'own_model:build'", 32, 16, TEXT),
    "dropout-64": (
        "'tests.benchmarks.compiled:dropping'",
        64,
        64,
        "data: {source: teacher, d_in: 64, d_out: 10}",
    ),
    "llama-32": ("'hf:llama', args: {head_dim: 16, vocab_size: 256}", 32, 8, TEXT),
}


@dataclass
class Way:
    """step: of one trial, where it counts as many times as there are trials, or of all."""

    step: Step
    counts: int = 1
    compiling: float = 0.0  # seconds of the first step
    seconds: list[float] = field(default_factory=list)  # a step of all trials


def dropping(width: int) -> torch.nn.Module:
    """A user's MLP with dropout."""
    layers: list[torch.nn.Module] = []
    for n_in in (64, width, width):
        layers += [torch.nn.Linear(n_in, width), torch.nn.ReLU(), torch.nn.Dropout(0.1)]
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, 10))


def population(case: str, trials: int, as_vmap: bool = False) -> Population:
    """Of so many rates; as_vmap: not written out, whatever the model."""
    build, width, batch, data = CASES[case]
    made = loads(
        f"name: c\nmodel: {{build: {build}}}\n{data}\n"
        "optimizer: {name: adamw, lr: 0.001, weight_decay: 0.1}\n"
        f"base: {{width: {width}, depth: 2, batch: {batch}, steps: 1000}}\n"
    ).recipe
    factory = ProxyFactory(made)
    group = [
        Trial.of(factory, factory.base, 0, {"lr": 0.001 * 2 ** (-i / trials)})
        for i in range(trials)
    ]
    if not as_vmap:
        return Population(group)
    with patch("mutransfer_cli.train.population.population.select_stack", ModelStack):
        return Population(group)


def stepping(step: Callable[[int], object]) -> Step:
    steps = iter(range(10**9))
    return lambda: step(next(steps) % 1000)


def alone(of: Population, compiled: bool) -> Step:
    """A step of one trial; on a population's clock it counts as many times as there are trials."""
    model = SingleModel(of.trials[0])
    if compiled:
        model.subject.model.compile(dynamic=False)
    return stepping(lambda i: float(model.step(i)))


def together(of: Population, compiled: bool) -> Step:
    if compiled:
        of.stack.backward = torch.compile(of.stack.backward, dynamic=False)  # type: ignore[method-assign]  # for once
    return stepping(of.step)


def ways(case: str, trials: int) -> dict[str, Way]:
    """By name; what cannot be compiled is told and left out."""
    plain = population(case, trials)
    made = {
        "alone": Way(alone(plain, False), trials),
        "population": Way(together(plain, False)),
    }
    wanted = {
        "alone, compiled": lambda: Way(alone(plain, True), trials),
        "population, compiled": lambda: Way(together(population(case, trials), True)),
    }
    if type(plain.stack) is not ModelStack:
        wanted["vmap, compiled"] = lambda: Way(together(population(case, trials, True), True))
    for name, make in wanted.items():
        torch._dynamo.reset()
        way = make()
        try:
            started = time.perf_counter()
            way.step()
            way.compiling = time.perf_counter() - started
        except Exception as error:  # whatever the compiler raises is told
            why = " ".join(str(error).split())[:150]
            print(f"{case:10} K={trials:2} {name}: {type(error).__name__}: {why}", flush=True)
        else:
            made[name] = way
    return made


def timed(step: Step, seconds: float) -> float:
    """Median of a step."""
    found: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(found) < 3:
        started = time.perf_counter()
        step()
        found.append(time.perf_counter() - started)
    return median(found)


def measure(case: str, trials: int, seconds: float) -> None:
    made = ways(case, trials)
    for _ in range(5):
        for way in made.values():
            way.seconds.append(way.counts * timed(way.step, seconds / 5))
    best = min(("alone", "population"), key=lambda name: median(made[name].seconds))
    old = made[best].seconds
    print(f"{case:10} K={trials:2} {best} is the faster of the two: {1e3 * median(old):.2f} ms")
    for name, way in made.items():
        ratio = median(o / n for o, n in zip(old, way.seconds, strict=True))
        saved = median(old) - median(way.seconds)
        cost = f", {way.compiling:.0f} s to compile, " if way.compiling else ""
        after = f"repaid by {way.compiling / saved:.0f} steps" if saved > 0 else "never repaid"
        print(f"    {name:22} {ratio:5.2f} times as fast{cost}{after if cost else ''}", flush=True)


def main() -> None:
    given = given_words(__doc__)
    cases = given[0].split(",") if given else list(CASES)
    sizes = [int(k) for k in given[1].split(",")] if len(given) > 1 else [8, 32]
    seconds = float(given[2]) if len(given) > 2 else 2.0
    torch.set_num_threads(1)
    torch._inductor.config.force_disable_caches = True
    sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
    for case in cases:
        for trials in sizes:
            measure(case, trials, seconds)


if __name__ == "__main__":
    main()
