"""Plain ReLU stacks over three doublings of the depth: depth^-3/2 against no rule.

python -m tests.benchmarks.depth_transfer [NAME]    one or all; appends what is missing

MLPs of 2 to 16 matrices on a teacher's classes, and stacks of 1 to 8 convolutions without norms on
noisy digits (`tests.helpers.deep_stacks.digits_convnet`), train at octaves of the learning rate.
The rules lead to the same runs at the same rates, so each is read off one table,
tests/data/horizon/depth-NAME.csv: the optimum of the shallowest stack, moved by the rule.
Interpolation and intervals as in `horizon_costs`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import log2

import numpy as np
import torch

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from tests.benchmarks.given_words import given_words
from tests.benchmarks.horizon_costs import DRAWS, SEED, Values, interpolated, interval
from tests.benchmarks.horizon_runs import TABLES
from tests.benchmarks.transfer_table import TransferTable

RULES = {"none": 0.0, "depth^-1": -1.0, "maximal-update": -1.5}
SGD, ADAMW = "{name: sgd, lr: 0.1}", "{name: adamw, lr: 0.01, eps: 1.0e-10, weight_decay: 0.0}"
MLP = """
model: {build: mlp}
init: {std: 0.25}    # He: (2 / 32)^1/2
data: {source: teacher, d_in: 32, d_out: 10}
base: {width: 32, depth: 2, batch: 32, steps: 200}
"""
CONVNET = """
model: {build: "tests.helpers.deep_stacks:digits_convnet"}
init: {from: model}
data: {source: digits}
base: {width: 12, depth: 1, batch: 16, steps: 80}
"""


@dataclass(frozen=True)
class Stack:
    """A stack that is trained at several depths.

    Attributes:
        text: Sections of its recipe.
        optimizer: The section `optimizer`.
        depths: The depths.
        rates: Log2 of the rates.
        seeds: Number of seeds.
    """

    text: str
    optimizer: str
    depths: tuple[int, ...]
    rates: range
    seeds: int

    def load(self) -> Recipe:
        return loads(
            f"name: depth\n{self.text}optimizer: {self.optimizer}\n"
            "schedule: {name: linear, warmup: 0.1}\n"
            f"ladder: {{depth: {list(self.depths)}}}\n"
            "search: {space: {lr: {log2: [-9, -3]}}}\n"
        ).recipe


STACKS = {
    "mlp-sgd": Stack(MLP, SGD, (2, 4, 8, 16), range(-9, 3), 4),
    "mlp-adamw": Stack(MLP, ADAMW, (2, 4, 8, 16), range(-13, -3), 4),
    "convnet-sgd": Stack(CONVNET, SGD, (1, 2, 4, 8), range(-9, 1), 2),
}


def table_of(name: str) -> TransferTable:
    """The table of a stack."""
    stack = STACKS[name]
    path = TABLES / f"depth-{name}.csv"
    return TransferTable(path, stack.load(), "depth", stack.depths, stack.rates, stack.seeds)


def costs(rates: Values, tables: dict[int, Values], seeds: Values) -> dict[tuple[str, int], float]:
    """Cost in % of each rule at each depth, and under `drift` octaves a doubling, beyond it."""
    depths = sorted(tables)
    by_depth = {d: interpolated(rates, table[seeds].mean(0)) for d, table in tables.items()}
    best = {d: float(fine[curve.argmin()]) for d, (fine, curve) in by_depth.items()}
    slope = float(np.polyfit(np.log2(depths), [best[d] for d in depths], 1)[0])
    found = {("drift of " + rule, 0): slope - power for rule, power in RULES.items()}
    for rule, power in RULES.items():
        for depth in depths[1:]:
            fine, curve = by_depth[depth]
            moved = best[depths[0]] + power * log2(depth / depths[0])
            position = int(np.abs(fine - moved).argmin())
            found[rule, depth] = 100 * float(np.expm1(curve[position] - curve.min()))
    return found


def main() -> None:
    """Train what is missing, and print drift and regret of each rule."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rng = np.random.default_rng(SEED)
    for name in given_words(__doc__) or STACKS:
        table = table_of(name)
        table.train()
        rates, tables = table.curves()
        n = STACKS[name].seeds
        point = costs(rates, tables, np.arange(n))
        draws = [costs(rates, tables, rng.integers(n, size=n)) for _ in range(DRAWS)]
        for (rule, depth), value in point.items():
            sampled = np.array([draw[rule, depth] for draw in draws])
            print(f"{name}: {rule} {depth or ''} {value:.2g} ({interval(sampled)})", flush=True)


if __name__ == "__main__":
    main()
