"""Small runs over three doublings of an axis: where the quoted optimum goes, and what rules cost.

python -m tests.benchmarks.axis_transfer [NAME...]    one or all; appends what is missing

Each case trains a recipe at four sizes and at octaves of its quoted learning rate, or of the factor
on one role's rate; the losses go to tests/data/transfer/NAME.csv. A rule that differs from the
recipe's in that number alone is read off the same runs: the optimum of the smallest size, moved by
the power that the rule adds.
Interpolation and intervals as in `horizon_costs`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log2
from pathlib import Path

import numpy as np
import torch

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from tests.benchmarks.given_words import given_words
from tests.benchmarks.horizon_costs import DRAWS, SEED, Values, interpolated, interval
from tests.benchmarks.transfer_table import TransferTable

TABLES = Path(__file__).parents[1] / "data" / "transfer"
ADAMW = "optimizer: {name: adamw, lr: 0.0078125, eps: 1.0e-10, weight_decay: 0.0}\n"
MOE = """
model: {build: moe, args: {head_dim: 8}}
init: {embedding_std: 0.1}
data: {source: stdlib, seq_len: 16}
base: {width: 32, depth: 1, batch: 8, steps: 100, experts: 8, active_experts: 2, expert_width: 32}
"""
LORA = """
model: {build: "lora_model:build", args: {alpha: ALPHA, power: POWER, zero: B}}
data: {source: digits}
base: {width: 64, depth: 2, batch: 32, steps: 100, rank: 2}
"""
MUON = "optimizer: {name: muon, lr: 0.0625, adamw_lr: 0.0078125, weight_decay: 0.0}\n"
GPT = """
model: {build: gpt, args: {head_dim: 8}}
data: {source: stdlib, seq_len: 32}
base: {width: 16, depth: 2, batch: 8, steps: 150}
"""
WORDS = """
model: {build: gpt, args: {vocab_size: VOCAB, head_dim: 8}}
data: {source: words, seq_len: 32}
base: {width: 16, depth: 1, batch: 8, steps: 150}
"""
STACK = """
model: {build: "tests.helpers.deep_stacks:KIND_stack"}
init: {std: 1.0}
data: {source: teacher, d_in: 16, d_out: 10}
base: {width: 32, depth: 2, batch: 32, steps: 100}
"""


@dataclass(frozen=True)
class Case:
    """A recipe over one axis.

    Attributes:
        text: Sections of its recipe.
        axis: The size that grows.
        sizes: Its values.
        rates: Log2 of the quoted rates.
        rivals: By name, the power of the size that a rule adds to the recipe's.
        seeds: Number of seeds.
        optimizer: The section `optimizer`.
        key: The hyperparameter that `rates` are powers of two of.
        others: Other axes whose value differs from the base at a size.
    """

    text: str
    axis: str
    sizes: tuple[int, ...]
    rates: Sequence[float]
    rivals: Mapping[str, float] = field(default_factory=dict)
    seeds: int = 3
    optimizer: str = ADAMW
    key: str = "lr"
    others: Mapping[int, Mapping[str, int]] = field(default_factory=dict)

    def load(self) -> Recipe:
        return loads(
            f"name: transfer\n{self.text}{self.optimizer}schedule: {{name: linear, warmup: 0.1}}\n"
            f"ladder: {{{self.axis}: {list(self.sizes)}}}\n"
            f"search: {{space: {{{self.key}: {{log2: [-9, -3]}}}}}}\n"
        ).recipe


def stack(kind: str, rule: str) -> str:
    return STACK.replace("KIND", kind) + rule


COMPLETEP, DEPTH_MUP = (
    "parameterization: completep\n",
    "parameterization: completep\nrules: {depth_alpha: 0.5}\n",
)
GROWN = {"∝ size^-1/2": -0.5, "∝ size^1/2": 0.5}
WIDTHS = (16, 32, 64, 128)
LARGE_VOCAB = {"large-vocab": -0.5}  # of the width, relative to mup
HALF_OCTAVES = tuple(x / 2 for x in range(-17, -6))
DENSE = MOE.replace("experts: 8, active_experts: 2", "experts: 4, active_experts: 1")
CASES = {
    "muon-width": Case(  # adjust_lr original, whose factor stays; match_rms_adamw's grows
        GPT, "width", WIDTHS, range(-10, 0), {"match_rms_adamw as it is": 0.5}, optimizer=MUON
    ),
    **{
        f"embedding-{vocab}": Case(
            WORDS.replace("VOCAB", str(vocab)),
            "width",
            WIDTHS,
            range(-5, highest),
            LARGE_VOCAB,
            key="lr_factors.embedding",
        )
        for vocab, highest in ((256, 8), (8192, 6))
    },
    "muon-embedding": Case(  # rate × factor ∝ √width, against constant entries of the update
        WORDS.replace("VOCAB", "256"),
        "width",
        (8, *WIDTHS),
        range(-5, 6),
        LARGE_VOCAB,
        optimizer=MUON.replace("}", ", trains: [hidden, embedding]}"),
        key="lr_factors.embedding",
    ),
    "muon-readout": Case(
        WORDS.replace("VOCAB", "256"),
        "width",
        WIDTHS,
        range(-6, 5),
        {"constant rate × factor": -0.5},
        optimizer=MUON.replace("}", ", trains: [hidden, readout]}"),
        key="lr_factors.readout",
    ),
    "muon-tied": Case(
        WORDS.replace("VOCAB", "256").replace("args: {", "args: {tied: true, "),
        "width",
        WIDTHS,
        range(-6, 5),
        {"constant rate × factor": -0.5},
        optimizer=MUON.replace("}", ", trains: [hidden, tied]}"),
        key="lr_factors.tied",
    ),
    "dense-top-1": Case(  # one expert is the dense model
        DENSE.replace("expert_width: 32", "expert_width: 64"),
        "experts",
        (1, 4, 8),
        HALF_OCTAVES,
        GROWN,
        seeds=6,
    ),
    "dense-top-2": Case(  # as wide as the two experts of a token
        MOE,
        "experts",
        (1, 4, 8),
        HALF_OCTAVES,
        GROWN,
        seeds=6,
        others={1: {"active_experts": 1, "expert_width": 64}},
    ),
    "moe-experts": Case(MOE, "experts", (2, 4, 8, 16), range(-10, -1), GROWN),
    "moe-active": Case(MOE, "active_experts", (1, 2, 4, 8), range(-10, -1), GROWN),
    "moe-active-averaged": Case(
        MOE + "rules: {experts: averaged}\n", "active_experts", (1, 2, 4, 8), range(-10, -1), GROWN
    ),
    "moe-expert-width": Case(MOE, "expert_width", (8, 16, 32, 64), range(-10, -1), GROWN),
    **{  # active width of 2 to 16 times the width
        f"moe-beyond-{rule}": Case(
            MOE.replace("width: 32, depth", "width: 16, depth") + f"rules: {{experts: {rule}}}\n",
            "expert_width",
            (16, 32, 64, 128),
            range(-10, -1),
            GROWN,
        )
        for rule in ("active-width", "averaged")
    },
    "lora-width": Case(
        LORA.replace("ALPHA", "8").replace("POWER", "1"),
        "width",
        (32, 64, 128, 256),
        range(-9, 0),
        GROWN,
    ),
    "lora-constant": Case(  # rules.rank derived: rate ∝ 1/rank
        LORA.replace("ALPHA", "2").replace("POWER", "0"),
        "rank",
        (2, 4, 8, 16),
        range(-10, 0),
        {"invariant": 1.0},
    ),
    **{
        f"{kind.replace('_', '-')}-{name}": Case(
            stack(kind, rule), "depth", (2, 4, 8, 16), range(-10, 0)
        )
        for kind in ("post_norm", "parallel", "looped")
        for name, rule in (("completep", COMPLETEP), ("half", DEPTH_MUP), ("none", ""))
    },
}


def table_of(name: str) -> TransferTable:
    """The table of a case."""
    case = CASES[name]
    path = TABLES / f"{name}.csv"
    recipe = case.load()
    return TransferTable(
        path, recipe, case.axis, case.sizes, case.rates, case.seeds, case.key, case.others
    )


def measures(case: Case, rates: Values, tables: dict[int, Values], seeds: Values) -> list[float]:
    """Drift in octaves a doubling; cost in % at the largest size, from each smaller one, of the
    rule and of each rival."""
    by_size = {size: interpolated(rates, table[seeds].mean(0)) for size, table in tables.items()}
    best = {size: float(fine[curve.argmin()]) for size, (fine, curve) in by_size.items()}
    sizes = case.sizes
    drift = float(np.polyfit(np.log2(sizes), [best[size] for size in sizes], 1)[0])
    fine, curve = by_size[sizes[-1]]
    costs = []
    for start in sizes[:-1]:
        for power in (0.0, *case.rivals.values()):
            moved = best[start] + power * log2(sizes[-1] / start)
            nearest = int(np.abs(fine - moved).argmin())
            costs.append(100 * float(np.expm1(curve[nearest] - curve.min())))
    return [drift, *costs, *best.values(), float(np.exp(curve.min()))]


def main() -> None:
    """Train what is missing, and print drift and costs with their intervals."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rng = np.random.default_rng(SEED)
    for name in given_words(__doc__) or CASES:
        case, start = CASES[name], time.process_time()
        table = table_of(name)
        table.train()
        rates, tables = table.curves()
        point = measures(case, rates, tables, np.arange(case.seeds))
        draws = np.array(
            [
                measures(case, rates, tables, rng.integers(case.seeds, size=case.seeds))
                for _ in range(DRAWS)
            ]
        )
        names = (
            "drift",
            *(
                f"cost of {rule} from {start}"
                for start in case.sizes[:-1]
                for rule in ("the rule", *case.rivals)
            ),
            *(f"log2 of the best {case.key} at {size}" for size in case.sizes),
            "least loss at the largest",
        )
        for label, value, sampled in zip(names, point, draws.T, strict=True):
            print(f"{name}: {label} {value:.3g} ({interval(sampled)})")
        print(f"{name}: {time.process_time() - start:.0f} CPU s", flush=True)


if __name__ == "__main__":
    main()
