"""What is judged of layers onto a fixed number of features, on measurements written by hand."""

from __future__ import annotations

import pytest

from mutransfer_cli.coordcheck.measure.stream_sums import AddedTerm
from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.verdict.activations.activation_scale import branch_faults
from mutransfer_cli.coordcheck.verdict.deviations.matrix_rate import rate_deviation
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.optimizers.geometry import GRADIENT

WIDTHS = (64, 128, 256)
READOUT = Expectation("readout", 0.0, -0.5, 0.0, lr=1.0, row_init=0.0, geometry=GRADIENT)
HIDDEN = Expectation("hidden", 0.0, 0.0, 0.0, lr=0.0, row_init=-0.5, geometry=GRADIENT)


@pytest.mark.parametrize("wrong_by", [0.0, 1.0, -0.5])
@pytest.mark.parametrize(("factor", "rate"), [(-1.0, 1.0), (0.0, -1.0), (-0.5, 0.0)])
def test_the_rate_of_a_readout_in_three_forms(factor: float, rate: float, wrong_by: float) -> None:
    """Its logits are c·W·h of n units h: a gradient step moves them by lr · c² · n, so n^0.

    Tensor Programs V, Table 8 has c = 1/n and lr = n; Table 3 c = 1 and lr = 1/n; between the two
    lies c = n^-1/2, lr = 1. The layer's response to random units is c · √n, wherever c stands.
    """
    measurements = [
        Measurement(
            n,
            rates={"w": n ** (rate + wrong_by)},
            responses={"w": n**0.5},  # without a factor on its input
            responses_to_upstream={"w": n ** (factor + 0.5)},
            output_multipliers={"w": 1.0},
        )
        for n in WIDTHS
    ]
    rate = rate_deviation("w", measurements, READOUT)
    assert rate is not None and rate.value == pytest.approx(wrong_by)


@pytest.mark.parametrize(("expected", "power", "faulty"), [
    (READOUT, -0.5, False), (READOUT, 0.5, True), (HIDDEN, -0.5, True), (HIDDEN, 0.0, False),
])  # fmt: skip
def test_what_is_added_to_a_latent_mean(expected: Expectation, power: float, faulty: bool) -> None:
    """The mean of a latent variable, of n units times n^-1, is a random sum: n^-1/2 at init."""
    for origin in ("mu", "drop_path"):  # an identity that hands the mean on
        measurements = [
            Measurement(n, terms=[AddedTerm("", origin, "mu", n**power, n**power)]) for n in WIDTHS
        ]
        faults = branch_faults(measurements, {"mu.weight": expected, "other.weight": READOUT})
        assert [f.where for f in faults] == ([origin] if faulty else [])
