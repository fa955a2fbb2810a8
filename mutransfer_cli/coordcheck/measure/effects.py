"""Measures the effect of a tensor, and of its update, on the output of its own module."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mutransfer_cli.coordcheck.measure.operations.factor_inputs import input_of_factor
from mutransfer_cli.coordcheck.measure.recorder import (
    Call,
    Calls,
    first_float_tensor,
    is_parametrization,
    real_numbers,
    rerun,
    rerun_all,
    rms,
)

ISOTROPIC_INPUTS = 64  # number of random inputs for measuring a module's gain
ROUNDING = 1e-4  # float32 sums leave up to 1e-5 of a canceled effect, real updates at least 1e-2
RESOLVED = 1e-5  # a smaller relative change of an output is mostly rounding
ENLARGED_STEP = 1e-3  # relative to the tensor
INPUT_DEPENDENT = 1.5  # least growth at twice the input of an effect that depends on it

# names of a weight, also where the module computes it from another tensor in every pass
WEIGHTS = {"weight", "weight_orig", "parametrizations.weight.original"}
GAINS = {"weight_g", "parametrizations.weight.original0"}  # of weight normalization

SEVERAL_MATRICES = (nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)

Use = tuple[Call, str]  # the call of a module, and the tensor's name inside that module


@dataclass(slots=True)
class Effect:
    """The effect of one tensor's own update on the output of one module that uses it.

    Attributes:
        raw: RMS of the change of the output.
        aligned: The change's component along the descent of the loss; None if the loss's gradient
            with respect to the output is not known.
        input: RMS of the module's input; 1 if the effect does not depend on the input.
        gradient: RMS of the gradient of the loss with respect to the output.
        output_multiplier: The number by which the caller multiplies the output.
        is_lookup: Whether the module only looks up rows of the tensor by integers.
        is_idle: Whether, up to rounding, the loss does not depend on the tensor, such as a bias of
            keys.
        module: Name of the module.
    """

    raw: float
    aligned: float | None
    input: float
    gradient: float
    output_multiplier: float = 1.0
    is_lookup: bool = False
    is_idle: bool = False
    module: str = ""


def uses_by_tensor(model: nn.Module, calls: Calls) -> dict[str, list[Use]]:
    """The recorded calls that use each parameter.

    If none of a parameter's own modules was called, it belongs to the nearest enclosing module that
    was.
    """
    names = {id(p): name for name, p in model.named_parameters()}
    own: dict[str, list[Use]] = {name: [] for name in names.values()}
    around: dict[str, list[Use]] = {name: [] for name in names.values()}
    for path, module in model.named_modules():
        for local, p in module.named_parameters(recurse=False, remove_duplicate=False):
            outer, inner = path, local
            while outer not in calls.by_module and outer:
                outer, _, last = outer.rpartition(".")
                inner = f"{last}.{inner}"
            if outer in calls.by_module:
                uses = own if is_own(inner) else around
                uses[names[id(p)]].append((calls.by_module[outer], inner))
    return {name: uses or around[name] for name, uses in own.items()}


def inputs_of(uses: Mapping[str, list[Use]]) -> dict[str, Tensor]:
    """For each tensor the first floating-point input of the module that uses it last."""
    inputs = {}
    for name, calls in uses.items():
        x = first_float_tensor(calls[-1][0].args) if calls else None
        if x is not None:
            inputs[name] = x
    return inputs


def is_own(local: str) -> bool:
    """Whether a tensor acts in the module itself, not in one inside it, by its name there."""
    return "." not in local or is_parametrization(local)


def effects_of(
    uses: list[Use], before: Tensor, after: Tensor, tensor_gradient: Tensor
) -> list[Effect]:
    """The effect of an update in each module that uses the tensor.

    Args:
        uses: The calls that use the tensor.
        before: The tensor's value in those calls.
        after: The tensor's value after the step.
        tensor_gradient: Gradient of the loss with respect to the tensor, at `before`.
    """
    step = real_numbers(after - before)
    first_order = abs(float((step * real_numbers(tensor_gradient)).sum()))
    effects = []
    for call, local in uses:
        change, gradient = change_of_output(call, local, before, after)
        raw = rms(change)
        size = rms(gradient) if gradient is not None else 0.0
        aligned, idle = None, False
        if gradient is not None and size > 0:
            aligned = -float((change * gradient).sum()) / (size * change.numel())
            idle = first_order < ROUNDING * raw * size * change.numel()
        # an output multiplier acts on the module's own tensors, not on those of modules inside it
        own = is_own(local)
        multiplier = call.output_multiplier if own else 1.0
        x = input_size(call, local, before, after)
        is_lookup = own and first_float_tensor(call.args) is None
        effects.append(Effect(raw, aligned, x, size, multiplier, is_lookup, idle, call.name))
    return effects


def change_of_output(
    call: Call, local: str, before: Tensor, after: Tensor
) -> tuple[Tensor, Tensor | None]:
    """The change of the first output that depends on a tensor, and its gradient where known.

    An update that vanishes in the rounding of the output is enlarged to measure its effect.

    Args:
        call: The module's call.
        local: The tensor's name inside the module.
        before: The tensor's value in the call.
        after: The tensor's value after the step.
    """
    old, new = rerun_all(call, {local: before}), rerun_all(call, {local: after})
    changes = [b - a for a, b in zip(old, new, strict=True)]
    step = rms(after - before)
    if step > 0 and all(rms(c) <= RESOLVED * rms(y) for c, y in zip(changes, old, strict=True)):
        factor = ENLARGED_STEP * (rms(before) or rms(old[0])) / step
        if factor > 1:
            new = rerun_all(call, {local: before + factor * (after - before)})
            changes = [(b - a) / factor for a, b in zip(old, new, strict=True)]
    index = next((i for i, change in enumerate(changes) if rms(change) > 0), 0)
    return changes[index], call.gradient if index == 0 else None


def input_size(call: Call, local: str, before: Tensor, after: Tensor) -> float:
    """RMS of a module's input; 1 if the effect does not depend on it, as for a bias.

    Args:
        call: The module's call.
        local: The tensor's name inside the module.
        before: The tensor's value in the call.
        after: The tensor's value after the step.
    """
    x = first_float_tensor(call.args)
    if x is None:
        return 1.0
    if before.dim() <= 1:
        doubled = tuple(2 * a if a is x else a for a in call.args)
        effect, effect_doubled = (
            rms(rerun(call, {local: after}, args) - rerun(call, {local: before}, args))
            for args in (call.args, doubled)
        )
        if effect_doubled < INPUT_DEPENDENT * effect:
            return 1.0
    if isinstance(call.module, nn.RNNBase) and not local.startswith("weight_ih_l0"):
        return rms(call.output)  # it acts on states, of which only the last layer's are recorded
    if (
        is_parametrization(local)
        and local not in WEIGHTS | GAINS
        and min(before.shape, default=1) > 1
    ):
        return input_of_factor(lambda v: rerun(call, {local: v}), before, -1, rms(x))
    return rms(x)


def gain_of(call: Call, local: str, value: Tensor) -> float | None:
    """RMS of a module's output, without bias, on isotropic inputs of the recorded size.

    Args:
        call: The module's call.
        local: The tensor's name inside the module.
        value: The tensor.

    Returns:
        The gain, of an embedding that of its lookups; None unless the tensor is a matrix of a
        recurrent or attention module of torch, or the weight of a module with one input.
    """
    if has_several_matrices(call, local) and value.dim() == 2:
        return rms(value) * math.sqrt(value.shape[1])  # its inputs include states or values
    x = next((a for a in call.args if isinstance(a, Tensor)), None)
    if x is None or len(call.args) != 1 or call.kwargs:
        return None
    if x.is_complex():
        return None
    if not x.is_floating_point():  # a lookup, perhaps with a factor of the module
        is_plain = isinstance(call.module, nn.Embedding)
        return (rms(value) if is_plain else rms(call.output)) if local in WEIGHTS else None
    if local not in GAINS and (local not in WEIGHTS or value.dim() < 2):
        return None
    generator = torch.Generator().manual_seed(0)
    shape = (max(1, ISOTROPIC_INPUTS // max(1, x[..., 0].numel())), *x.shape)
    noise = torch.randn(shape, generator=generator).flatten(0, 1).to(x) * rms(x)
    zeros = {
        name: torch.zeros_like(p)
        for name, p in call.module.named_parameters(recurse=False)
        if name == "bias"
    }
    return rms(rerun(call, {local: value, **zeros}, (noise,)))


def has_several_matrices(call: Call, local: str) -> bool:
    """Whether a tensor is one of the matrices of a recurrent or attention module of torch."""
    return isinstance(call.module, SEVERAL_MATRICES) and "." not in local


def size_of_gain_input(call: Call, local: str) -> float:
    """RMS of the random input on which `gain_of` measures a tensor; 1 where it needs none."""
    x = first_float_tensor(call.args)
    return 1.0 if x is None or has_several_matrices(call, local) else rms(x)
