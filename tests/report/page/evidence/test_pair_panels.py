"""Plots of entangled pairs: where the best value of one moves with the other."""

from __future__ import annotations

from math import log2
from pathlib import Path

import numpy as np
import pytest

from mutransfer_cli.report.page.run_section import run_section
from mutransfer_cli.search.job import Job
from tests.helpers.run_directories import run_of

RECIPE = """
name: pairs
model: {build: mlp}
data: {source: teacher, d_in: 8, d_out: 3}
base: {width: 8, depth: 2, batch: 16, steps: 40}
ladder: {width: [8, 16]}
search:
  space: {lr: {log2: [-9, -3], step: 1}, init_std: {log2: [-3, 1], step: 1}}
  seeds: 2
  extend: 0
"""


def bowl(mixed: float) -> object:
    """0.03 u² + 0.03 v² + mixed u v, with u and v octaves from 2^-6 and 2^-1."""

    def loss(job: Job) -> float:
        u, v = log2(job.params["lr"]) + 6, log2(job.params["init_std"]) + 1
        return 2 + 0.03 * u * u + 0.03 * v * v + mixed * u * v + 0.001 * job.seed

    return loss


def pair_panels_of(folder: Path, mixed: float) -> list[object]:
    run = run_of(folder / "run", RECIPE, bowl(mixed))  # type: ignore[arg-type]  # a loss
    section = run_section(str(run), {}, "run1")
    return [panel for panel in section.panels if "-pair-" in panel.key]


def test_the_best_rate_moves_with_the_other(tmp_path: Path) -> None:
    """The best u at v is -mixed v / 0.06: half an octave the other way for mixed 0.03."""
    (panel,) = pair_panels_of(tmp_path, 0.03)
    best = {}
    for series in panel.series:  # type: ignore[attr-defined]  # a panel
        name, value = series.name.rsplit(" ", 1)
        best[log2(float(value))] = log2(series.x[int(np.argmin(series.y))])
    assert "init_std" in name or "learning rate" in name
    below, at, above = (best[key] for key in sorted(best))
    assert at - below == pytest.approx(-0.5, abs=0.4)
    assert above - at == pytest.approx(-0.5, abs=0.4)


def test_a_pair_that_is_not_entangled_is_not_shown(tmp_path: Path) -> None:
    assert pair_panels_of(tmp_path, 0.0) == []
