"""Why theory misses a learning curve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.curves.kernel_curve import (
    compared_kernel,
    error_interval,
    gaussian_control,
    why_missed,
)
from mutransfer_cli.probes.estimates.eigenframework import (
    Spectrum,
    gaussian_error,
    predicted_error,
)
from mutransfer_cli.probes.probe_run import ProbeRequest


def test_normal_eigenfunctions_follow_theory() -> None:
    """The control of the verdict: what theory assumes, it predicts."""
    rng = np.random.default_rng(0)
    values = np.arange(1, 501) ** -1.5
    spectrum = Spectrum(values, values / values.sum())
    for n in (16, 64):
        expected = predicted_error(spectrum, n, 0.01)
        found = np.mean([gaussian_error(spectrum, n, 0.01, rng) for _ in range(400)])
        assert found == pytest.approx(expected, rel=0.05)


def test_rare_clusters_are_missed_for_their_shape() -> None:
    """One cluster of 40 points and 20 of one: 16 examples tell all of the first, or nothing.

    Eigenfunctions that are 0 almost everywhere are far from normal ones.
    """
    cluster = np.arange(60)
    cluster[:40] = 0
    kernel = (cluster[:, None] == cluster).astype(float)
    point = compared_kernel(kernel, (cluster == 0) - 2 / 3, "init", ProbeRequest())[0]
    assert point.ratio.value > 1.5
    control = gaussian_control(point, ProbeRequest())
    assert control.at == {"kernel": "init", "examples": 16}
    assert control.estimate.value == pytest.approx(1, abs=0.05)
    assert "shape of its eigenfunctions" in why_missed(point, control.estimate)


def test_no_squared_error_has_a_negative_bound() -> None:
    found = error_interval([0.01, 0.02, 0.3], 0.9)
    assert found.low == 0 and found.value == pytest.approx(0.11)


def test_the_reason_names_the_larger_part() -> None:
    kernel = np.eye(30)
    point = compared_kernel(kernel, np.arange(30) - 14.5, "init", ProbeRequest())[0]
    point = replace(point, ratio=Interval(value=1.3))
    assert "shape of its eigenfunctions" in why_missed(point, Interval(value=1.1))
    assert "too few examples" in why_missed(point, Interval(value=1.25))
