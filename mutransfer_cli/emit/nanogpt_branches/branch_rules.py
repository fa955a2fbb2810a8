"""The rules of nanoGPT-mup's branches: from base values to the numbers of every tensor.

Source: EleutherAI/nanoGPT-mup, model.py and train.py: master b2a5e60, completep 6f8bc3b.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.emit.core.abc_symmetry import Numbers, Offer
from mutransfer_cli.emit.core.decoder import Decoder
from mutransfer_cli.emit.core.decoder_parts import BRANCH_OUTPUTS, INNER, OUTER
from mutransfer_cli.emit.core.protocol import EmitRequest
from mutransfer_cli.emit.core.resolve import hidden_numbers, shared_weight_decay

MASTER_EPS = 1e-8


@dataclass(frozen=True, slots=True)
class BranchValues:
    """What a branch of the repository is given, at the base.

    Attributes:
        completep: Whether it is the branch completep, not master.
        lr: Learning rate.
        std: Standard deviation of the init.
        decay: Weight decay.
        eps: Adam's epsilon; master does not take it.
        alpha: Exponent of the depth.
        r: Depth over that of the base.
    """

    completep: bool
    lr: float
    std: float
    decay: float
    eps: float
    alpha: float
    r: float


def branch_values(request: EmitRequest, completep: bool) -> BranchValues:
    """The base values at which the hidden matrices arrive at the plan's numbers."""
    t, plan = request.decoder, request.plan
    depth_scaled = PARAMETERIZATIONS[plan.parameterization].depth_exponent
    completep = completep or depth_scaled or t.m_depth != 1.0
    alpha = request.recipe.rules.depth_alpha if depth_scaled else 1.0
    r = t.m_depth if depth_scaled else 1.0
    h, m = hidden_numbers(request), t.m_width
    return BranchValues(
        completep=completep,
        lr=h.lr * m * r ** (1 - alpha),
        std=h.init_std * sqrt(m),
        decay=shared_weight_decay(request, h),
        eps=h.eps * m * r**alpha if completep else MASTER_EPS,
        alpha=alpha,
        r=r,
    )


def offers_of(decoder: Decoder, v: BranchValues) -> dict[str, Offer]:
    """What the branch makes of its base values."""
    m, std = decoder.m_width, v.std
    eps = v.eps / m * v.r**-v.alpha if v.completep else v.eps
    inner_lr = v.lr * v.r ** (v.alpha - 1)
    inner_decay = v.decay * m if v.completep else v.decay
    inner_std = std / sqrt(m)
    output_std = std / sqrt(m) if v.completep else std / sqrt(2 * decoder.depth * m)
    offers = dict.fromkeys(decoder.parts.values(), Offer(inner_lr, None, 0.0, eps))
    offers |= dict.fromkeys(("final_norm", "final_norm_bias"), Offer(v.lr, None, 0.0, eps))
    offers |= dict.fromkeys(INNER, Offer(inner_lr / m, inner_std, inner_decay, eps))
    offers |= dict.fromkeys(BRANCH_OUTPUTS, Offer(inner_lr / m, output_std, inner_decay, eps))
    return offers | dict.fromkeys(OUTER, Offer(v.lr, std, v.decay, eps))


def remedies_of(
    decoder: Decoder, v: BranchValues, actual: Mapping[str, Numbers]
) -> dict[tuple[str, str], str]:
    """What mends a number, by quantity and tensor: a later commit."""
    remedies = {}
    for name in actual:
        outside = decoder.parts[name] in (*OUTER, "final_norm", "final_norm_bias")
        if outside and v.completep and v.r != 1:
            remedies["eps", name] = (
                f"as planned since commit 3904404: {v.eps / decoder.m_width:.3g}"
            )
    return remedies
