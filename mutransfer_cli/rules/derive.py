"""From a traced family and settings at the base to the plan of one size: pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from math import sqrt

from mutransfer_cli.errors import InputError
from mutransfer_cli.rules import table
from mutransfer_cli.rules.forward import forward_multipliers
from mutransfer_cli.rules.plan import Plan, Sizes, TensorPlan
from mutransfer_cli.rules.settings import FAMILY, Settings
from mutransfer_cli.rules.shapes import Family, Shape, TensorShape, matched


def first_match(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, p) for p in patterns)


def lr_factor(tensor: TensorShape, factors: Mapping[str, float]) -> float:
    """The recipe's factor on a tensor's learning rate: by role or by pattern, first match wins."""
    for key, value in factors.items():
        if key == tensor.role or fnmatchcase(tensor.name, key):
            return value
    return 1.0


def is_matrix(tensor: TensorShape) -> bool:
    """Matrices and embeddings: what `decay: matrices` decays."""
    return bool(tensor.in_dims) or any(u.kind == "lookup" for u in tensor.uses)


def init_of(
    tensor: TensorShape, settings: Settings, factor: float, depth: int, at_base: bool
) -> tuple[str, float | None]:
    """How a tensor starts: the kind, and its standard deviation; `factor` is the rule's."""
    init = settings.init
    if first_match(tensor.name, init.zero):
        return "zero", 0.0
    if tensor.role in {"vector", "scalar", "fixed"} and not tensor.in_dims:
        return "keep", None
    if tensor.role == "fixed" or not is_matrix(tensor):
        return "keep", None
    if init.source == "model":
        if tensor.base_rms == 0.0:
            return "keep", 0.0
        return ("keep" if at_base else "rescale"), tensor.base_rms * factor
    fan_in = tensor.fans(tensor.base_shape)[0]
    if any(u.kind == "lookup" for u in tensor.uses):
        std = init.embedding_std
    elif tensor.role == "readout":
        std = init.readout_std if init.readout_std is not None else 1 / sqrt(fan_in)
    else:
        std = init.std if init.std is not None else 1 / sqrt(fan_in)
    if first_match(tensor.name, init.residual_outputs):
        std /= sqrt(2 * depth)
    return "normal", std * factor


def decays(tensor: TensorShape, decay: str | tuple[str, ...]) -> bool:
    if decay == "all":
        return True
    if decay == "matrices":
        return is_matrix(tensor) and tensor.role != "fixed"
    return first_match(tensor.name, (decay,) if isinstance(decay, str) else decay)


def tensor_plan(tensor: TensorShape, shape: Shape, settings: Settings, depth: int) -> TensorPlan:
    """One line of the plan."""
    optimizer = settings.optimizer
    row = table.rule(settings.parameterization, tensor.role, settings.readout)
    base_in, base_out = tensor.fans(tensor.base_shape)
    fan_in, fan_out = tensor.fans(shape)
    m_in, m_out = fan_in / base_in, fan_out / base_out
    family = FAMILY[optimizer.name]
    width_factor = (row.sgd if family == "sgd" else row.adam)(m_in, m_out)
    init, std = init_of(tensor, settings, row.init(m_in, m_out), depth, shape == tensor.base_shape)
    gradient = row.gradient(m_in, m_out) if settings.epsilon == "scaled" else 1.0
    decay = optimizer.weight_decay if decays(tensor, settings.decay) else 0.0
    if settings.weight_decay == "independent":
        decay /= width_factor  # lr × weight_decay stays what it was at the base
    return TensorPlan(
        name=tensor.name,
        role=tensor.role,
        shape=shape,
        base_shape=tensor.base_shape,
        growing=tensor.growing,
        fan_in=fan_in,
        fan_out=fan_out,
        init=init,
        init_std=std,
        multiplier=1.0,
        lr=optimizer.lr * lr_factor(tensor, settings.lr_factors) * width_factor,
        weight_decay=decay,
        eps=optimizer.eps * gradient if family == "adam" else None,
        source=row.source,
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
    matched(family, shapes)
    if settings.optimizer.name not in FAMILY:
        raise InputError(
            f"optimizer.name: {settings.optimizer.name!r} has no rule; known: {', '.join(FAMILY)}"
        )
    forward, sites = forward_multipliers(family, settings, shapes, base, target)
    m_width = target["width"] / base["width"]
    clip = settings.clip
    if clip is not None:
        clip *= m_width ** table.clip_power(settings.parameterization, settings.readout)
    return Plan(
        tensors=tuple(
            tensor_plan(t, shapes[t.name], settings, target["depth"]) for t in family.tensors
        ),
        forward=forward,
        sites=sites,
        form=settings.readout,
        parameterization=settings.parameterization,
        optimizer=settings.optimizer.name,
        betas=settings.optimizer.betas,
        momentum=settings.optimizer.momentum,
        clip=clip,
        base=dict(base),
        target=dict(target),
    )
