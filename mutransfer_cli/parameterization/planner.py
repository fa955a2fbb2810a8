"""From a traced family and settings at the base to the plan of one size: pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping

from mutransfer_cli.catalog.axes import SIZES
from mutransfer_cli.errors import InputError
from mutransfer_cli.parameterization import init_tables as table
from mutransfer_cli.parameterization.forward_multipliers import forward_multipliers
from mutransfer_cli.parameterization.horizon_rules import horizon_rule
from mutransfer_cli.parameterization.lr_rules import GEOMETRY
from mutransfer_cli.parameterization.settings import Settings
from mutransfer_cli.parameterization.tensor_rules import Context, tensor_plan
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.types import Sizes
from mutransfer_cli.tracing.family import Family, Shape, matched


def known_optimizer(settings: Settings) -> None:
    """Raises InputError for an optimizer that has no rule."""
    name, decay = settings.optimizer.name, settings.optimizer.weight_decay
    if name not in GEOMETRY:
        raise InputError(
            f"{name!r} has no rule; known: {', '.join(GEOMETRY)}", path=("optimizer", "name")
        )
    if name == "adam" and decay > 0:
        raise InputError(
            "adam adds the decay to the gradient, which has no consistent "
            f"scaling rule: expected 0, or name: adamw; found {decay:g}",
            path=("optimizer", "weight_decay"),
        )


def derive(
    family: Family,
    settings: Settings,
    shapes: Mapping[str, Shape],
    base: Sizes,
    target: Sizes,
) -> Plan:
    """The plan for a model of these shapes.

    Raises InputError where the model does not belong to the family, or where a multiplier that
    the rules ask for can neither be absorbed nor installed.
    """
    known_optimizer(settings)
    optimizer = settings.optimizer
    if family.tied and settings.readout == "absorbed":
        tied = next(t.name for t in family.tensors if t.role == "tied")
        raise InputError(
            f"absorbed is impossible for {tied}, embedding and readout at once: as "
            "an embedding its init has to stay constant, as a readout it would have to shrink; "
            "take multiplier",
            path=("rules", "readout"),
        )
    tensors = matched(family, shapes)
    forward, sites, folded = forward_multipliers(family, settings, shapes, base, target)
    ratio = {axis: target[axis] / base[axis] for axis in SIZES}
    horizon = horizon_rule(
        settings.horizon,
        settings.beta1,
        optimizer.name,
        ratio["batch"],
        ratio["steps"] * ratio["batch"],
    )
    context = Context(
        settings,
        horizon,
        # u-muP quotes at depth 1, not at the base
        target["depth"] if settings.parameterization == "umup" else ratio["depth"],
        base["depth"] if settings.parameterization == "completep" else target["depth"],
        family,
        folded,
        family.final_readouts,
    )
    clip = settings.clip
    if clip is not None:
        clip *= ratio["width"] ** table.clip_power(settings.parameterization, settings.readout)
    return Plan(
        tensors=tuple(
            tensor_plan(name, tensor, shapes[name], context) for name, tensor in tensors.items()
        ),
        forward=forward,
        sites=sites,
        form=settings.readout,
        parameterization=settings.parameterization,
        optimizer=optimizer.name,
        betas=(optimizer.betas[0] ** horizon.beta1, optimizer.betas[1] ** horizon.beta2),
        momentum=optimizer.momentum,
        clip=clip,
        base=dict(base),
        target=dict(target),
        nesterov=optimizer.nesterov,
    )
