"""Training a built-in model under u-muP: weights of skips and branches, multipliers of matrices.

Left out, as constants in every size: the unit-scaling package's factors of activation functions and
of the attention's output, and the scales of its backward pass, which Adam does not see but for
epsilon.
"""

from __future__ import annotations

from torch import nn

from mutransfer_cli.catalog.models import MODELS
from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builtin.protocol import UnitScaled
from mutransfer_cli.optimizers.geometry import SIGN
from mutransfer_cli.optimizers.protocol import optimizer_spec
from mutransfer_cli.plans.forward_hooks import UNIT_SCALED, ScaledOutput
from mutransfer_cli.plans.plan import Plan


def unit_scaled_models() -> str:
    """The names of the built-in models that can be trained under u-muP."""
    return ", ".join(row.name for row in MODELS if row.unit_scaled)


def _is_published_for(optimizer: str) -> bool:
    """Is u-muP published for this optimizer? For Adam, whose steps have the size of a sign's."""
    spec = optimizer_spec(optimizer)
    return spec.geometry == SIGN and spec.tabulated


def unit_scale(plan: Plan, model: nn.Module) -> None:
    """Put the plan's unit-scaled multipliers into a model.

    Raises:
        InputError: The model has no weights for skips and branches, a tied readout or biases, or
            the optimizer sees the scale of gradients.
    """
    if not isinstance(model, UnitScaled) or any(t.role == "tied" for t in plan.tensors):
        raise InputError(
            f"{plan.parameterization} trains the built-in {unit_scaled_models()} with an untied "
            "readout only; for any other model shapes and scale give its numbers (to train it, "
            "build it from the unit-scaling package)",
            path=("parameterization",),
        )
    if not _is_published_for(plan.optimizer):
        names = " or ".join(row.name for row in OPTIMIZERS if _is_published_for(row.name))
        raise InputError(
            f"{plan.parameterization} is trained with {names} here, which do not see the scale "
            f"of a gradient; found {plan.optimizer}",
            path=("optimizer", "name"),
        )
    model.set_unit_scales({n: value for n, value in plan.forward.items() if value is not None})
    multipliers = {t.name: t.multiplier for t in plan.tensors}
    for name, module in model.named_modules():
        factor = multipliers.get(f"{name}.weight", 1.0)
        if isinstance(module, nn.Linear) and factor != 1.0:
            if module.bias is not None:
                raise InputError(
                    f"{plan.parameterization} has no biases here; expected false",
                    path=("model", "args", "bias"),
                )
            module.register_forward_hook(ScaledOutput(factor))
    object.__setattr__(model, UNIT_SCALED, True)
