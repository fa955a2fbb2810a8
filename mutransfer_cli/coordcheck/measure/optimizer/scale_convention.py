"""Finds the convention by which an optimizer scales its orthogonalized updates, by a trial step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isclose, log2

from mutransfer_cli.catalog.lr_adjustments import LR_ADJUSTMENTS
from mutransfer_cli.coordcheck.measure.optimizer.initial_steps import take_initial_steps
from mutransfer_cli.coordcheck.measure.optimizer.optimizer_kind import fill_gradients
from mutransfer_cli.coordcheck.measure.training_step import optimizer_parts
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import run_user_code
from mutransfer_cli.optimizers.own.trial_update import (
    matrix_shape,
    mean_singular_value,
    trial_gradient,
)
from mutransfer_cli.optimizers.shape_factors import LrAdjustment, lr_adjustment, other_names

# Newton-Schulz iterations leave singular values of 0.7 to 1.2: at most half an octave from 1.
LARGEST_ERROR = 0.5  # octaves


@dataclass(frozen=True, slots=True)
class UpdateScale:
    """The measured factor on the update of one matrix.

    Attributes:
        shape: The matrix's shape.
        factor: Mean singular value of the update, divided by the learning rate.
    """

    shape: tuple[int, ...]
    factor: float


def update_scales(subject: Subject, names: Collection[str]) -> list[UpdateScale]:
    """Measure the factors on the updates of some matrices by one step.

    Args:
        subject: A fresh subject with its optimizer.
        names: The tensors whose updates are orthogonalized.
    """
    assert subject.optimizer is not None
    named = dict(subject.model.named_parameters())
    rates = {
        id(p): float(group["lr"])
        for part in optimizer_parts(subject.optimizer)
        for group in part.param_groups
        for p in group["params"]
    }
    before = {name: named[name].detach().clone() for name in names}
    gradients = {n: trial_gradient(p) for n, p in named.items() if p.requires_grad}
    fill = partial(fill_gradients, named, gradients)
    fill()
    take_initial_steps(subject.optimizer, fill)
    run_user_code(subject.optimizer.step, "optimizer.step()")
    scales = []
    for name, old in before.items():
        size = mean_singular_value(old - named[name].detach(), gradients[name])
        rate = rates.get(id(named[name]), 0.0)
        if rate > 0 and size > 0:
            scales.append(UpdateScale(matrix_shape(old.shape), size / rate))
    return scales


def conventions_of(scales: Sequence[UpdateScale]) -> tuple[LrAdjustment, ...]:
    """The conventions that explain all measured factors, one name for each formula."""
    found: list[LrAdjustment] = []
    for adjustment in map(lr_adjustment, LR_ADJUSTMENTS.names):
        errors = [log2(scale.factor / adjustment(scale.shape)) for scale in scales]
        fits = bool(errors) and max(map(abs, errors)) <= LARGEST_ERROR
        if fits and not any(adjustment.same_as(other) for other in found):
            found.append(adjustment)
    return tuple(found)


def distinct_over_width(
    conventions: Sequence[LrAdjustment], shapes: Mapping[int, Sequence[tuple[int, ...]]]
) -> bool:
    """Whether the conventions give some matrix of the model different factors at some width.

    Args:
        conventions: The conventions that are possible.
        shapes: Shapes of the model's matrices at each width.
    """
    return any(
        abs(log2(conventions[0](shape) / other(shape))) > 1e-9
        for other in conventions[1:]
        for matrices in shapes.values()
        for shape in matrices
    )


def alike_over_width(
    conventions: Sequence[LrAdjustment], shapes: Mapping[int, Sequence[tuple[int, ...]]]
) -> bool:
    """Whether the conventions' factors on every matrix change alike from width to width.

    Args:
        conventions: The conventions that are possible.
        shapes: Shapes of the model's matrices at each width, in one order.
    """
    changes = [
        [
            log2(convention(wide) / convention(narrow))
            for narrow, *_, wide in zip(*shapes.values(), strict=True)
        ]
        for convention in conventions
    ]
    return all(
        isclose(change, first, abs_tol=1e-9)
        for others in changes[1:]
        for first, change in zip(changes[0], others, strict=True)
    )


def measured_convention(
    fresh: Callable[[int], Subject], widths: Sequence[int], names: Collection[str]
) -> tuple[LrAdjustment | None, str]:
    """The convention that an optimizer follows, and a note that names it.

    Args:
        fresh: Builds a new subject with its optimizer at a width.
        widths: The widths at which to take a step.
        names: The tensors whose updates are orthogonalized.

    Returns:
        None where no published convention gives the measured factors, or several do that change
        otherwise over the width.
    """
    by_width = {width: update_scales(fresh(width), names) for width in widths}
    scales = [scale for found in by_width.values() for scale in found]
    fitting = conventions_of(scales)
    if not fitting:
        largest = max(scales, key=lambda s: s.factor, default=None)
        shown = f" (× {largest.factor:.3g} at {largest.shape})" if largest else ""
        return None, (
            f"the optimizer scales its orthogonalized updates by no convention known here{shown}: "
            "their rates were not judged from the groups"
        )
    shapes = {width: [scale.shape for scale in found] for width, found in by_width.items()}
    texts = [" = ".join((a.name, *other_names(a))) + f", {a.formula}" for a in fitting]
    note = f"the optimizer scales its orthogonalized updates by {' or '.join(texts)}"
    if len(fitting) == 1:
        return fitting[0], note
    if not distinct_over_width(fitting, shapes):
        return fitting[0], f"{note}: the same for this model's shapes"
    if alike_over_width(fitting, shapes):
        return fitting[0], f"{note}: which of them could not be told; over the width they are alike"
    return None, f"{note}: which of them could not be told, so their rates were not judged"
