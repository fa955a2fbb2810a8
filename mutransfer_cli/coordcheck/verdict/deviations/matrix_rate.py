"""The learning rate of a matrix by the size of its update alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.verdict.expected_exponents import (
    MEASURED_WITH_MULTIPLIER,
    Expectation,
)
from mutransfer_cli.coordcheck.verdict.slopes import SlopeFit, fit_slope
from mutransfer_cli.optimizers.geometry import GRADIENT, SIGN


def rate_deviation(
    name: str, measurements: Sequence[Measurement], expected: Expectation
) -> SlopeFit | None:
    """Deviation of a matrix's learning rate from that of its parameterization, in any form.

    A gradient step changes the layer y = c·W·x by lr · c² · ⟨x, x'⟩ · δ. How alike the inputs x of
    a batch are is not the layer's own: where a few features that do not grow are joined to those
    that do, and are alike in a batch, the overlap ⟨x, x'⟩ / n shrinks until the others outweigh
    them; where a batch has more samples than the layer has inputs, as an image has places, the
    part that is not aligned outweighs the aligned one. What remains, lr · c² · n, is the same in
    every abc-equivalent form, and c·√n is the layer's response to random inputs; of steps of a
    fixed size it is lr · c · √n (derived, from Tensor Programs V, arXiv 2203.03466, appendix J).

    Args:
        name: The tensor's name.
        measurements: Measurements at all widths and seeds.
        expected: The expected exponents of the tensor.

    Returns:
        The deviation, with its error; None for tensors other than matrices, and where the entries
        of updates follow neither the gradient nor its sign.
    """
    geometry = expected.geometry
    if geometry not in (GRADIENT, SIGN) or expected.normed or expected.sparse:
        return None
    if expected.role == "tied" or expected.acts_as != expected.role:
        return None
    if expected.init is None or expected.row_init is None or expected.lr is None:
        return None
    follows = expected.role in MEASURED_WITH_MULTIPLIER

    def own_part(m: Measurement) -> float | None:
        sizes = m.rates if geometry.sees_gradient_scale else m.moves
        # a readout's multiplier may be on its input
        responses = m.responses_to_upstream if expected.role == "readout" else m.responses
        response, size = responses.get(name), sizes.get(name)
        if response is None or size is None:
            return None
        factor = response * (m.output_multipliers[name] if follows else 1.0)
        return size * math.pow(factor, -geometry.lr_power)

    fit = fit_slope(measurements, own_part)
    right = expected.lr - geometry.lr_power * (expected.init - expected.row_init)
    return replace(fit, value=fit.value - right) if fit else None
