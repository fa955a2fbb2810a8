"""The gradient noise scale tr Σ / |G|²: the batch beyond which larger batches pay less and less."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.models.checked_subject import NO_GRADIENT
from mutransfer_cli.probes.curvature.flat import trained_parameters
from mutransfer_cli.probes.curvature.repeatable import repeatable
from mutransfer_cli.surface.student import student_reach

ROUNDING = 1e-9  # of |G|², below which tr Σ is a rounding error


@dataclass(frozen=True)
class NoiseScale:
    """The gradient noise scale of a model and of each of its tensors.

    Attributes:
        noise_scale: tr Σ / |G|², in examples (McCandlish et al., arXiv 1812.06162, equation 2.8);
            the upper bound is None where the mean gradient is not distinguishable from zero.
        trace: tr Σ, the variance of one example's gradient, summed over all parameters.
        squared_gradient: |G|², the squared norm of the mean gradient.
        tensors: `noise_scale` of each tensor by itself.
    """

    noise_scale: Interval
    trace: float
    squared_gradient: float
    tensors: Mapping[str, Interval]


def noise_scale(
    model: nn.Module,
    loss: Callable[[nn.Module, Any], Tensor],
    batches: Sequence[Any],
    examples: int,
    confidence: float = CONFIDENCE,
) -> NoiseScale:
    """Estimate the gradient noise scale from the gradients of independent batches of one size.

    Of k batches of b examples with gradients g_i and mean ḡ: tr Σ = b·Σ|g_i - ḡ|²/(k-1) and
    |G|² = |ḡ|² - tr Σ/(kb), both unbiased (the estimators of arXiv 1812.06162, appendix A.1, with
    small batches of b and one large batch of kb). Intervals by the jackknife over batches.

    Args:
        model: The model, at the weights of interest.
        loss: `loss(model, batch)` returns a scalar tensor, a mean over the batch's examples.
        batches: At least four independent batches of the same size.
        examples: Number of examples in each batch.
        confidence: Of the intervals.

    Raises:
        InputError: There are too few batches, or a gradient is missing or not finite.
    """
    if len(batches) < 4:
        raise InputError(f"the noise scale needs at least 4 batches, found {len(batches)}")
    trained = {id(p) for p in trained_parameters(model)}
    named = [(name, p) for name, p in model.named_parameters() if id(p) in trained]
    loss = repeatable(loss)
    products: dict[str, NDArray[np.float64]] = {}
    rows: list[list[Tensor]] = []
    for batch in batches:
        value = loss(model, batch)
        if not value.requires_grad:
            raise InputError(NO_GRADIENT)
        grads = torch.autograd.grad(value, [p for _, p in named], allow_unused=True)
        rows.append(
            [
                torch.zeros_like(p) if g is None else g.detach()
                for g, (_, p) in zip(grads, named, strict=True)
            ]
        )
    for i, (name, _) in enumerate(named):
        stacked = torch.stack([row[i].reshape(-1) for row in rows]).double()
        products[name] = (stacked @ stacked.T).cpu().numpy()
    total = np.sum(list(products.values()), axis=0)
    if not np.isfinite(total).all():
        raise InputError("a gradient is not finite at these weights")
    trace, squared = moments(total, examples)
    return NoiseScale(
        noise_scale=_interval(total, examples, confidence),
        trace=trace,
        squared_gradient=squared,
        tensors={name: _interval(p, examples, confidence) for name, p in products.items()},
    )


def moments(products: NDArray[np.float64], examples: int) -> tuple[float, float]:
    """Tr Σ and |G|², unbiased, from the inner products of the batches' gradients.

    Args:
        products: Inner products g_i·g_j (k, k).
        examples: Number of examples in each batch.
    """
    k = len(products)
    of_mean = products.mean()  # |ḡ|²
    variance = (np.trace(products) - k * of_mean) / (k - 1)  # of the gradient of a batch
    return float(examples * variance), float(of_mean - variance / k)


def _interval(products: NDArray[np.float64], examples: int, confidence: float) -> Interval:
    """Tr Σ / |G|² with a jackknife interval of its inverse, which is close to normal.

    Where |G|² is estimated as zero or less, the value is the number of all examples measured: noise
    scales far above it cannot be told from infinity (derived: |ḡ|² is then tr Σ/(kb) or less).
    """

    def inverse(p: NDArray[np.float64]) -> float:
        trace, squared = moments(p, examples)
        # rounding errors of equal gradients are no noise
        return squared / trace if trace > ROUNDING * max(squared, 0.0) else np.inf

    k = len(products)
    value = inverse(products)
    if not np.isfinite(value):  # no noise at all: every example has the same gradient
        return Interval(value=0.0, low=0.0, high=0.0)
    kept = [np.delete(np.arange(k), i) for i in range(k)]
    parts = np.array([inverse(products[np.ix_(rest, rest)]) for rest in kept])
    if not np.isfinite(parts).all():  # all but one of the batches are the same
        return Interval(value=1 / value if value > 0 else float(k * examples))
    error = float(np.sqrt((k - 1) / k * ((parts - parts.mean()) ** 2).sum()))
    reach = student_reach(confidence, k - 1) * error
    low, high = value - reach, value + reach
    smallest = 1 / high if high > 0 else None
    return Interval(
        value=1 / value if value > 0 else max(float(k * examples), smallest or 0.0),
        low=smallest,
        high=1 / low if low > 0 else None,
    )
