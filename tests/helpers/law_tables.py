"""Tables of runs that follow a known law."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mutransfer_cli.surface.laws.law_form import LawTable
from tests.helpers.source import ROOT

CHINCHILLA_POINTS = ROOT / "recipes" / "data" / "chinchilla_points.csv"
PARAMS = (1e8, 2e8, 4e8, 1e9)
TOKENS = (2e9, 8e9, 3e10)


def loss_table(noise: float, seed: int = 0, repeats: int = 4) -> LawTable:
    """loss = 1.7 + 400·N^−0.34 + 900·D^−0.30, times e^noise, on a grid of sizes."""
    rng = np.random.default_rng(seed)
    grid = np.array([(n, d) for n in PARAMS for d in TOKENS for _ in range(repeats)])
    params, tokens = grid.T
    loss = 1.7 + 400 * params**-0.34 + 900 * tokens**-0.30
    loss = loss * np.exp(noise * rng.standard_normal(len(loss)))
    return LawTable({"params": params, "tokens": tokens, "loss": loss}, ("params", "tokens"))


GRID_KINDS = ("plain", "second power", "slow power", "tokens per parameter", "shapes", "few sizes")
GRID_PARAMS = (6e7, 1.2e8, 2.15e8, 2.68e8, 4.29e8, 5.37e8, 1.07e9)
GRID_TOKENS = (2e9, 4e9, 8e9, 2e10, 5.7e10, 1e11)


def best_of_grids(kind: str, seed: int) -> LawTable:
    """The best run of a grid of learning rates and batches at each size, as published sweeps are.

    loss = E + a·N^−α + b·D^−β, alone ("plain", "few sizes": 5 by 3), with .03 to .12 of another
    power (of N·D, or a slow one of N), with log2(D/20N)² ("tokens per parameter"), or with .1 or
    .2 % that all runs of one N share ("shapes"). Grids have half octaves of the rate and octaves of
    the batch, with holes; noise is .03 to .3 %.
    """
    rng = np.random.default_rng([seed, GRID_KINDS.index(kind)])
    floor, alpha, beta = rng.uniform(1.4, 2.1), rng.uniform(0.28, 0.42), rng.uniform(0.24, 0.38)
    a, b, noise = rng.uniform(0.35, 0.9), rng.uniform(0.5, 1.1), 10 ** rng.uniform(-3.5, -2.5)
    steep, kept = rng.uniform(0.002, 0.008, 2), rng.uniform(0.45, 1)
    extra, slow, fast = rng.uniform(0.03, 0.12), rng.uniform(0.08, 0.15), rng.uniform(0.25, 0.45)
    ratio, shape = rng.uniform(-0.003, 0.003), rng.choice([0.001, 0.002])
    few, rows = kind == "few sizes", []
    for n in GRID_PARAMS[::2] + GRID_PARAMS[1:2] if few else GRID_PARAMS:
        own = shape * rng.standard_normal() if kind == "shapes" else 0.0
        for d in GRID_TOKENS[::2] if few else GRID_TOKENS:
            if not few and (not 8 < d / n < 400 or rng.random() < 0.15):
                continue
            loss = floor + a * (n / 6e7) ** -alpha + b * (d / 2e9) ** -beta
            if kind == "second power":
                loss += extra * (n / 6e7 * d / 2e9) ** -fast
            elif kind == "slow power":
                loss += extra * (n / 6e7) ** -slow
            elif kind == "tokens per parameter":
                loss += ratio * np.log2(d / n / 20) ** 2
            u, v = np.meshgrid(np.arange(-3.25, 3.2, 0.5) + rng.uniform(0, 0.5),
                               np.arange(-3.0, 3.0) + rng.uniform(0, 1))  # fmt: skip
            rise = steep[0] * (u - 0.35 * v) ** 2 * (1 + 0.25 * np.tanh(u)) + steep[1] * v**2
            runs = loss * (1 + own) * (1 + rise) * (1 + noise * rng.standard_normal(u.shape))
            rows.append((n, d, runs[rng.random(u.shape) < kept].min()))
    columns = dict(zip(("params", "tokens", "loss"), np.array(rows).T, strict=True))
    return LawTable(columns, ("params", "tokens"))


def optimum_table(
    noise: float = 5e-4, seed: int = 0, sizes: tuple[float, ...] = PARAMS
) -> LawTable:
    """lr* = 2^−8·(N/4e8)^−0.5·(D/8e9)^0.25, batch* = 2^8·(D/8e9)^0.5; quadratic bowls."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in sizes:
        for d in TOKENS:
            lr, batch = optimal(n, d)
            for x in np.arange(-13.0, -4.0):
                for b in np.arange(4.0, 12.0):
                    u, v = x - lr - 0.3 * (b - batch), b - batch
                    y = np.log(2.5) + 0.008 * u**2 + 0.004 * v**2 + noise * rng.standard_normal()
                    rows.append((n, d, 2.0**x, 2.0**b, np.exp(y)))
    columns = np.array(rows).T
    names = ("params", "tokens", "lr", "batch", "loss")
    return LawTable(dict(zip(names, columns, strict=True)), ("params", "tokens"), ("lr", "batch"))


def optimal(params: float, tokens: float) -> npt.NDArray[np.float64]:
    """log2 of the optimal lr and batch of `optimum_table`."""
    n, d = np.log2(params / 4e8), np.log2(tokens / 8e9)
    return np.array([-8 - 0.5 * n + 0.25 * d, 8 + 0.5 * d])
