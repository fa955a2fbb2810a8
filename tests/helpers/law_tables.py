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
