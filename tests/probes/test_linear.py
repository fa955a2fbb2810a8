"""Deep linear networks against their exact solution."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mutransfer_cli.probes.linear import (
    half_time,
    imbalance_change,
    mode_strength,
    probe_linear,
    train_modes,
)
from mutransfer_cli.probes.probe_run import ProbeRequest


def test_the_formula_solves_its_differential_equation() -> None:
    """du/dt = 2u(λ - u), from W₁ and W₂ of equal strength √u (arXiv 1312.6120, equation 4)."""
    times = np.linspace(0, 4, 9)
    flow = solve_ivp(
        lambda t, u: 2 * u * (2.0 - u), (0, 4), [1e-3], t_eval=times, rtol=1e-10, atol=1e-12
    )
    exact = [mode_strength(t, 2.0, 1e-3) for t in times]
    assert flow.y[0] == pytest.approx(exact, rel=1e-5)
    assert mode_strength(half_time(2.0, 1e-3), 2.0, 1e-3) == pytest.approx(1.0)
    assert half_time(2.0, 1e-3) == pytest.approx(log(1999) / 4)


def test_gradient_descent_follows_it_to_the_order_of_the_step() -> None:
    coarse, fine = (train_modes((2.0, 1.0), 1e-2, step, width=6) for step in (8e-3, 4e-3))
    assert fine.error < 0.01
    assert coarse.error / fine.error == pytest.approx(2.0, rel=0.1)
    assert fine.halves == pytest.approx([half_time(2.0, 1e-2), half_time(1.0, 1e-2)], rel=0.02)
    assert fine.halves[0] < fine.halves[1]  # weaker modes are learned later
    assert fine.imbalance < 1e-12


def test_what_the_flow_conserves_is_broken_at_the_order_of_the_step() -> None:
    """Every step adds η²(G₁G₁ᵀ - G₂ᵀG₂), and 1/η of them fit into a time: twice at twice η."""
    changes = [imbalance_change(step) for step in (2e-3, 1e-3, 5e-4)]
    assert changes[0] / changes[1] == pytest.approx(2.0, rel=0.05)
    assert changes[1] / changes[2] == pytest.approx(2.0, rel=0.03)
    # the control: four steps over the whole time are too large for it
    assert imbalance_change(0.5) / imbalance_change(0.25) > 3


def test_a_step_that_is_too_large_is_seen() -> None:
    assert train_modes((2.0, 1.0), 1e-2, 0.1, width=6).error > 0.01


def test_the_probe_passes() -> None:
    result = probe_linear(ProbeRequest())
    assert result.verdict == "pass"
    assert {m.name for m in result.measures} >= {"half time of a mode", "largest error of a mode"}
