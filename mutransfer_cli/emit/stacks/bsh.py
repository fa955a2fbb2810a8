"""Format `bsh`: base shapes of the mup package; the stack scales rates, decay, init and logits.

Its rules: matrices of two growing dimensions get rate ÷ m and, with AdamW, decay × m; init of the
same ÷ √m, of the readout as at the base, with 1/m on its input; epsilon is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mutransfer_cli.emit.core.decoder import numbers_of
from mutransfer_cli.emit.core.header import commented
from mutransfer_cli.emit.core.interface import Capabilities, Job, Outcome, Stack
from mutransfer_cli.emit.core.resolve import require_adamw
from mutransfer_cli.errors import InputError
from mutransfer_cli.plans import base_shapes as bsh
from mutransfer_cli.plans.types import TensorPlan


def growth(t: TensorPlan) -> float:
    """mup's width multiplier of a tensor: of its first dimension that is summed over."""
    return t.shape[-1] / t.base_shape[-1] if t.growing else 1.0


def settled(job: Job) -> Outcome:
    require_adamw(job)
    plan, o = job.plan, job.recipe.optimizer
    if plan.form == "absorbed":
        raise InputError(
            "--format bsh: MuReadout multiplies by 1/m, rules.readout: absorbed has no multiplier; "
            "take rules.readout: multiplier, or --format torch"
        )
    hidden = {t.name for t in plan.tensors if len(t.growing) == 2}
    eps = next((t.eps for t in plan.tensors if t.name in hidden), o.eps)
    decays = [t.weight_decay for t in plan.tensors if t.name not in hidden and t.weight_decay]
    lr = next((t.lr for t in plan.tensors if t.role in {"input", "tied"}), o.lr)
    decay = decays[0] if decays else o.weight_decay
    wanted, tensors = {}, {}
    for t in plan.tensors:
        own = numbers_of(t)
        m = growth(t) if t.name in hidden else 1.0
        wanted[t.name] = own
        tensors[t.name] = replace(
            own, lr=lr / m, weight_decay=decay * m if own.weight_decay else 0.0, eps=eps
        )
    return Outcome(
        wanted,
        tensors,
        plan.forward.get("attention_scale"),
        {"lr": lr, "decay": decay, "eps": eps},
    )


def write(job: Job, outcome: Outcome, head: Sequence[str]) -> dict[str, str]:
    s, forward = outcome.settings, job.plan.forward
    values = ", ".join(f"{k} = {v!r}" for k, v in forward.items() if v is not None)
    how = [
        "",
        "mup.set_base_shapes(model, THIS_FILE); the model's last layer a MuReadout.",
        f"mup.MuAdamW(groups, lr={s['lr']!r}, eps={s['eps']!r}, betas={tuple(job.plan.betas)!r})",
        f"weight decay {s['decay']!r} on matrices, 0 on the rest; it and the rate are at the base.",
        f"In the forward pass, in all: {values}; of these MuReadout does the 1/m of the logits.",
        "Init at the target, which mup leaves to you or rescales from the base's, tensor: std:",
        *[f"  {t.name}: {t.init_std!r}" for t in job.plan.tensors if t.init_std is not None],
        "Base shapes, null: does not grow.",
    ]
    return {"base.bsh": commented([*head, *how]) + bsh.text_of(bsh.base_shapes(job.plan))}


STACK = Stack(
    Capabilities(
        scales="stack",
        group_eps=False,
        optimizers=("adamw", "adam"),
        parameterizations=("mup",),
    ),
    settled,
    write,
)
