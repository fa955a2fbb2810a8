"""The `OptimizerSpec` of a user's class: what it takes, and the geometry that was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch.optim import Optimizer

from mutransfer_cli.catalog.own_optimizers import is_own, parts_of_name
from mutransfer_cli.errors import InputError
from mutransfer_cli.optimizers.geometry import (
    FIXED_NORM,
    FIXED_NORM_SPECTRAL,
    GRADIENT,
    RELATIVE,
    SIGN,
    SPECTRAL,
)
from mutransfer_cli.optimizers.hyperball import NO_DECAY
from mutransfer_cli.optimizers.muon import trains as is_hidden_matrix
from mutransfer_cli.optimizers.own.class_faults import constructor_fault, step_fault, update_fault
from mutransfer_cli.optimizers.own.known_geometry import TOLERANCE, Match, by_size, known_geometry
from mutransfer_cli.optimizers.own.late_kind import late_fault
from mutransfer_cli.optimizers.own.measured_geometry import (
    MeasuredUpdate,
    NoStep,
    measured_update,
    visible_rate,
)
from mutransfer_cli.optimizers.own.trial_steps import MakeOptimizer, NoRest, decay_share
from mutransfer_cli.optimizers.own.user_class import (
    BETAS,
    KEY,
    optimizer_class,
    taken_options,
    with_arguments,
)
from mutransfer_cli.optimizers.protocol import (
    EpsilonTarget,
    GroupHyperparameters,
    OptimizerSpec,
    trains_everything,
)
from mutransfer_cli.optimizers.shape_factors import LrAdjustment, lr_adjustment
from mutransfer_cli.tracing.roles import Shape

TYPICAL = GroupHyperparameters(betas=BETAS, eps=1e-8, momentum=0.0, nesterov=False)
EPSILON: dict[str, EpsilonTarget] = {
    SIGN.name: "gradient entries",
    FIXED_NORM.name: "gradient entries",
    SPECTRAL.name: "gradient norm",
    FIXED_NORM_SPECTRAL.name: "gradient norm",
}


@cache
def own_optimizer(name: str) -> OptimizerSpec:
    """Import and measure a class; the answer is kept for the process.

    Args:
        name: Its import path, and its arguments (`catalog.own_optimizers`).

    Raises:
        InputError: It cannot be imported, made or stepped, or its update has exponents that no
            known geometry has.
    """
    path, args = parts_of_name(name)
    own = optimizer_class(path)
    taken = taken_options(own) - args.keys()
    made: Any = with_arguments(own, args)

    def options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
        """Those of the recipe's hyperparameters that the class names; 0 keeps its own momentum."""
        given = {"betas": hyperparameters.betas, "eps": hyperparameters.eps}
        if hyperparameters.momentum > 0:
            given["momentum"] = hyperparameters.momentum
        return {key: value for key, value in given.items() if key in taken and value is not None}

    def make(groups: list[dict[str, Any]]) -> Optimizer:
        try:
            optimizer: Optimizer = made([{**options(TYPICAL), **group} for group in groups])
        except (Exception, SystemExit) as error:  # whatever the user's class raises
            raise InputError(f"{path}: {constructor_fault(own, args, error)}", KEY) from error
        return optimizer

    measured, share = measure(own, path, make)
    match = known_geometry(measured)
    if match is None:
        raise InputError(unmatched(path, measured), KEY)
    require_same_kind(own, path, args, make)
    of_matrices = match.geometry.spectral or match.geometry.keeps_norm
    convention = lr_adjustment(match.adjust_lr) if match.adjust_lr is not None else None

    def shape_factor(shape: Shape, adjustment: LrAdjustment | None = None) -> float:
        """The factor of the measured convention."""
        chosen = adjustment or convention
        return chosen(shape) if chosen is not None else 1.0

    return OptimizerSpec(
        name=name,
        geometry=match.geometry,
        epsilon=EPSILON.get(match.geometry.name) if "eps" in taken else None,
        group_options=options,
        torch_class=lambda: made,
        trains=is_hidden_matrix if of_matrices else trains_everything,
        lr_shape_factor=shape_factor,
        lr_source="measured",
        adjust_lr=match.adjust_lr,
        measured=measurement_text(measured, match),
        decay_fault=NO_DECAY
        if match.geometry.keeps_norm
        else ("" if share == 1.0 else decay_fault(share)),
    )


def require_taken(name: str, searched: Mapping[str, str]) -> None:
    """Refuse a searched hyperparameter that a user's class does not name; others pass.

    Args:
        name: Name of any optimizer.
        searched: Names in `search.space`, and the dotted paths that they stand for.

    Raises:
        InputError: A searched hyperparameter would have no effect.
    """
    if not is_own(name):
        return
    offered = replace(TYPICAL, momentum=0.9)
    taken = own_optimizer(name).group_options(offered)
    for short, path in searched.items():
        section, _, rest = path.partition(".")
        key = rest.partition(".")[0]
        if section == "optimizer" and key in ("betas", "eps", "momentum") and key not in taken:
            raise InputError(
                f"{parts_of_name(name)[0]} does not take it: its constructor names no "
                f"{key} of this form, or optimizer.args fixes it",
                ("search", "space", short),
            )


def measure(own: type[Optimizer], path: str, make: MakeOptimizer) -> tuple[MeasuredUpdate, float]:
    """Measure the updates and the decay of a user's class; steps under torch.compile run eagerly.

    Raises:
        InputError: It cannot be made or stepped.
    """
    try:
        with torch.compiler.set_stance("force_eager"):
            measured = measured_update(make), decay_share(make)
            fault = update_fault(make, visible_rate(make))
    except InputError:
        raise
    except (NoStep, NoRest) as error:
        raise InputError(f"{path}: {error}", KEY) from error
    except (Exception, SystemExit) as error:  # whatever the user's class raises
        raise InputError(f"{path}: {step_fault(own, error)}", KEY) from error
    if fault:
        raise InputError(f"{path}: {fault}", KEY)
    return measured


def require_same_kind(
    own: type[Optimizer], path: str, args: Mapping[str, Any], make: MakeOptimizer
) -> None:
    """Refuse a class whose update is of another kind after the measured steps.

    Args:
        own: The class.
        path: Its import path.
        args: Those that its constructor is given.
        make: Makes the optimizer.

    Raises:
        InputError: It is, or a later step fails.
    """
    try:
        with torch.compiler.set_stance("force_eager"):
            fault = late_fault(make, own, args, visible_rate(make))
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's class raises
        raise InputError(f"{path}: {step_fault(own, error)}", KEY) from error
    if fault:
        raise InputError(f"{path}: {fault}", KEY)


def unmatched(path: str, measured: MeasuredUpdate) -> str:
    """The message for an optimizer that no known geometry describes."""
    text = f"{path}: a matrix's update was measured as {measured.matrix}"
    if measured.factors:
        shown = ", ".join(f"{f:.3g} at {shape}" for shape, f in measured.factors.items())
        text += f", with equal singular values: {shown}"
    elif measured.vector is not None:
        text += f"; a vector's as {measured.vector}"
    known = " or ".join(g.name for g in (GRADIENT, SIGN, SPECTRAL, RELATIVE))
    because = f" ({reason(measured)})" if reason(measured) else ""
    return f"{text}: expected the exponents of {known}, so there is no rule for its rates{because}"


def reason(measured: MeasuredUpdate) -> str:
    """What keeps an optimizer from having a rule, where that is plain."""
    over = measured.matrix
    if measured.resized:
        return (
            "its orthogonalized update is brought to a size that does not follow the rank of the "
            "gradient, as Adam's, but it trains no vectors"
        )
    if abs(over.rate - 1) > TOLERANCE:
        return "its step is not in proportion to the rate: it chooses its own step size"
    if abs(over.neighbor) > TOLERANCE:
        return "the step of a tensor depends on the gradients of others"
    if by_size(over):
        return "its kind depends on the size of the gradient, as with a clip, a bound or a prior"
    if abs(over.gradient) < TOLERANCE and all(abs(s + 0.5) < TOLERANCE for s in over.sides):
        return (
            "an update of fixed norm that is not orthogonalized: how far it moves the outputs "
            "depends on the rank of the gradient"
        )
    return ""


def measurement_text(measured: MeasuredUpdate, match: Match) -> str:
    """What was measured, for `shapes --why`."""
    scale = f", scaled by the shape as {match.adjust_lr}" if match.adjust_lr else ""
    return f"measured: update ∝ {measured.matrix}: {match.geometry.name}{scale}"


def decay_fault(share: float) -> str:
    """Why a decay has no rule, from what a step without a gradient takes off."""
    if share == 0.0:
        return "its step without a gradient takes nothing off, so it has no weight decay"
    return (
        f"a step without a gradient takes {share:.3g} × rate × decay off instead of rate × decay, "
        "which has no consistent scaling rule"
    )
