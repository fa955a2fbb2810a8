"""Format `bsh`: base shapes of the mup package, which scales rates, decay, init and logits itself.

Its rules: matrices of two growing dimensions get rate ÷ m and, with AdamW, decay × m; their init is
divided by √m, that of the readout stays as at the base, with 1/m on its input; epsilon is not
scaled. Source: github.com/microsoft/mup, MuAdamW and MuReadout.
"""

from __future__ import annotations

from dataclasses import replace

from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import tensor_numbers
from mutransfer_cli.plans import base_shapes as bsh
from mutransfer_cli.plans.types import TensorPlan


def width_mult(t: TensorPlan) -> float:
    """The width multiplier that mup gives a tensor: of the first dimension that is summed over."""
    return t.shape[-1] / t.base_shape[-1] if t.growing else 1.0


def resolve(request: EmitRequest) -> ResolvedConfig:
    """One rate, decay and epsilon, which the package scales."""
    plan, optimizer = request.plan, request.recipe.optimizer
    hidden = {t.name for t in plan.tensors if len(t.growing) == 2}
    eps = next((t.eps for t in plan.tensors if t.name in hidden), optimizer.eps)
    decays = [t.weight_decay for t in plan.tensors if t.name not in hidden and t.weight_decay]
    lr = next((t.lr for t in plan.tensors if t.role in {"input", "tied"}), optimizer.lr)
    decay = decays[0] if decays else optimizer.weight_decay
    planned, actual = {}, {}
    for t in plan.tensors:
        numbers = tensor_numbers(t)
        m = width_mult(t) if t.name in hidden else 1.0
        planned[t.name] = numbers
        actual[t.name] = replace(
            numbers, lr=lr / m, weight_decay=decay * m if numbers.weight_decay else 0.0, eps=eps
        )
    return ResolvedConfig(
        planned=planned,
        actual=actual,
        attention_scale=plan.forward.get("attention_scale"),
        settings={"lr": lr, "decay": decay, "eps": eps},
    )


def render(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> dict[str, str]:
    """The base shapes; everything else that the user has to set is in the header."""
    s, plan = resolved.settings, request.plan
    tied = any(t.role == "tied" for t in plan.tensors)
    readout = "MuSharedReadout" if tied else "MuReadout"
    forward = ", ".join(f"{k} = {v!r}" for k, v in plan.forward.items() if v is not None)
    usage = [
        "",
        f"Put this file beside your training script, whose model ends in a {readout}, and add:",
        "mup.set_base_shapes(model, THIS_FILE)    # then the init below",
        "matrices = [p for p in model.parameters() if p.dim() > 1]",
        "vectors = [p for p in model.parameters() if p.dim() < 2]",
        f"groups = [dict(params=matrices, weight_decay={s['decay']!r}), dict(params=vectors)]",
        f"optimizer = mup.MuAdamW(groups, lr={s['lr']!r}, eps={s['eps']!r}, "
        f"betas={tuple(plan.betas)!r}, weight_decay=0.0)",
        "Rate and decay are at the base: mup scales them.",
        f"Multipliers of the forward pass: {forward}; {readout} applies the 1/m of the logits.",
        "Init at the target (mup leaves it to you, or rescales that of the base), tensor: std:",
        *[f"  {t.name}: {t.init_std!r}" for t in plan.tensors if t.init_std is not None],
        "Fill in: nothing here. Base shapes below; null: does not grow.",
    ]
    return {"base.bsh": header_block(document, usage) + bsh.base_shapes_text(bsh.base_shapes(plan))}


def keys(
    request: EmitRequest, resolved: ResolvedConfig, tensor: TensorPlan | None
) -> dict[str, Key]:
    """The arguments in the header that carry each number; mup has keys for shapes only."""
    s = resolved.settings
    if tensor is None:
        return {n: Key(n, v) for n, v in request.plan.forward.items() if v is not None}
    return {
        "lr": Key("MuAdamW(lr=…)", s["lr"]),
        "eps": Key("MuAdamW(eps=…)", s["eps"]),
        "weight_decay": Key("weight_decay", s["decay"] if tensor.weight_decay else 0.0),
        "init_std": Key(tensor.name, tensor.init_std),
    }


STACK = Stack(resolve, render, keys)
