"""What a rule for the depth lets the network's quantities and the tensors' updates do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mutransfer_cli.coordcheck.measure.depth_training import DepthMeasurement
from mutransfer_cli.optimizers.geometry import Geometry
from mutransfer_cli.parameterization.choices.depth_rate import RATE


@dataclass(frozen=True, slots=True)
class DepthExpectation:
    """What is judged, and the exponents of the depth that are expected.

    Attributes:
        alpha: The residual exponent: each block's own attention should change as depth^(alpha-1).
        all_blocks: Whether the change is the root mean square over the outputs of all blocks after
            one step, which maximal updates keep constant, and not that of the last block.
        may_fall: Whether the change may also fall with the depth.
        of_tensors: Returns what is judged of each kind of tensor in one measurement.
        exponent: Its expected exponent.
    """

    alpha: float = 1.0
    all_blocks: bool = False
    may_fall: bool = False
    of_tensors: Callable[[DepthMeasurement], Mapping[str, float]] = lambda m: m.shares
    exponent: float = 0.0


CONSTANT = DepthExpectation()


def maximal_update_expectation(geometry: Geometry) -> DepthExpectation:
    """What `rules.depth: maximal-update` lets happen: the mean change of all blocks is constant.

    Each tensor is judged by the size of its update, which follows its rate: in a deep stack the
    gradients of a batch add up the more coherently the more its activations resemble each other,
    so that its share in the decrease of the loss has no clean exponent.

    The change may fall with the depth, but not grow. At one rate it is the root of a l² + b l³ over
    the layers l: the sum of l updates, and what the random overlap of their paths adds (derived,
    for a wide ReLU stack), so that in a finite stack it grows between depth and depth^3/2; and
    examples that resemble each other more and more leave less gradient of their mean loss.

    Args:
        geometry: Geometry of the optimizer.
    """

    def updates(measurement: DepthMeasurement) -> Mapping[str, float]:
        if geometry.sees_gradient_scale:
            return measurement.updates_per_gradient
        return measurement.updates

    return DepthExpectation(all_blocks=True, may_fall=True, of_tensors=updates, exponent=RATE)
