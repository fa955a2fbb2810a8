"""Where a recorded pass uses each tensor: in modules, and in operations inside of modules."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from mutransfer_cli.coordcheck.measure.effects import Use, inputs_of, uses_by_tensor
from mutransfer_cli.coordcheck.measure.operation_effects import Group, inner_operations, operands
from mutransfer_cli.coordcheck.measure.recorder import Calls


def uses_of(model: nn.Module, calls: Calls) -> tuple[dict[str, list[Use]], dict[str, list[Group]]]:
    """The modules that use each tensor, and operations inside of modules that do.

    Where all uses of a tensor are known as operations, only modules that consist of one count.
    """
    uses, inner = uses_by_tensor(model, calls), inner_operations(calls)
    for name in inner:
        whole = {op.module for op in calls.operations[name]}
        whole -= {op.module for group in inner[name] for op in group}
        uses[name] = [u for u in uses[name] if any(u[0] is calls.by_module[m] for m in whole)]
    return uses, inner


def all_inputs(
    uses: Mapping[str, list[Use]], inner: Mapping[str, list[Group]]
) -> dict[str, Tensor]:
    """For each tensor the entries of the activations that it acts on."""
    inputs = inputs_of(uses)
    for name, groups in inner.items():
        if groups[-1][0].operand is not None:
            inputs[name] = operands(groups[-1])
    return inputs
