"""Training the built-in gpt under u-muP: weights of skips and branches, multipliers of matrices.

Left out, as constants in every size: the unit-scaling package's factors of activation functions and
of the attention's output, and the scales of its backward pass, which Adam does not see but for
epsilon.
"""

from __future__ import annotations

from torch import nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builtin.gpt import GPT, Block
from mutransfer_cli.plans.forward_hooks import ScaledOutput
from mutransfer_cli.plans.plan import Plan

ADAPTIVE = frozenset({"adam", "adamw"})


def unit_scale(plan: Plan, model: nn.Module) -> None:
    """Put the plan's unit-scaled multipliers into a gpt.

    Raises InputError for any other model, a tied gpt or an optimizer that sees gradient scales.
    """
    if not isinstance(model, GPT) or model.readout.weight is model.token.weight:
        raise InputError(
            "umup trains the built-in gpt with an untied readout only; for any "
            "other model shapes and scale give its numbers (to train it, build it from the "
            "unit-scaling package)",
            path=("parameterization",),
        )
    if plan.optimizer not in ADAPTIVE:
        raise InputError(
            "umup is trained with adam or adamw here, which do not see the scale "
            f"of a gradient; found {plan.optimizer}",
            path=("optimizer", "name"),
        )
    forward = {name: value for name, value in plan.forward.items() if value is not None}
    model.embedding_scale = forward["embedding_scale"]
    model.logit_scale = forward["logit_scale"]
    for i, block in enumerate(model.blocks):
        assert isinstance(block, Block)
        block.attention.attention_scale = forward["attention_scale"]
        block.skip_scales = (forward[f"skip.{2 * i}"], forward[f"skip.{2 * i + 1}"])
        block.branch_scales = (forward[f"branch.{2 * i}"], forward[f"branch.{2 * i + 1}"])
    multipliers = {t.name: t.multiplier for t in plan.tensors}
    for name, module in model.named_modules():
        factor = multipliers.get(f"{name}.weight", 1.0)
        if isinstance(module, nn.Linear) and factor != 1.0:
            if module.bias is not None:
                raise InputError(
                    "umup has no biases here; expected false", path=("model", "args", "bias")
                )
            module.register_forward_hook(ScaledOutput(factor))
