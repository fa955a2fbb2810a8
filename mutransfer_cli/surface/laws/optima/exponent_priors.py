"""What is known of exponents of optimal hyperparameters before any run is seen.

Published laws of language models with raw learning rates, in parameters N and tokens D:
Step Law (arXiv 2503.04715): lr ∝ N^−0.71·D^0.31, batch ∝ D^0.57; DeepSeek LLM (arXiv 2401.02954),
in compute C ∝ N·D: lr ∝ C^−0.125, batch ∝ C^0.33; Power Lines (arXiv 2505.13738): batch ∝ D^0.4;
Bjorck et al. (arXiv 2409.19913): lr ∝ D^−0.32; muP: lr ∝ N^0. The priors span these. They matter
where a table's sizes hardly differ, and count as data of the same precision elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple

from mutransfer_cli.surface.bends import BEND

# Along compute, of which params and tokens each have half the octaves, the bend of both is smaller.
BEND_IN_COMPUTE = 0.02


class ExponentPrior(NamedTuple):
    """A normal prior of an exponent.

    Attributes:
        mean: Octaves per octave.
        sd: Its standard deviation.
        bend: Standard deviation of the exponent's change, per octave of the size.
    """

    mean: float
    sd: float
    bend: float = BEND


UNKNOWN = ExponentPrior(0.0, 1.0)
PRIORS = {
    ("lr", "params"): ExponentPrior(-0.4, 0.4),
    ("lr", "tokens"): ExponentPrior(0.0, 0.35),
    ("lr", "flops"): ExponentPrior(-0.15, 0.25, BEND_IN_COMPUTE),
    ("batch", "params"): ExponentPrior(0.1, 0.3),
    ("batch", "tokens"): ExponentPrior(0.4, 0.3),
    ("batch", "flops"): ExponentPrior(0.3, 0.25, BEND_IN_COMPUTE),
}


def exponent_priors(quantity: str, sizes: tuple[str, ...]) -> list[ExponentPrior]:
    """The prior of a hyperparameter's exponent in each size."""
    return [PRIORS.get((quantity, size), UNKNOWN) for size in sizes]
