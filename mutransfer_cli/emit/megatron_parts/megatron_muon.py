"""Muon in Megatron: one learning rate for all tensors, and a factor on the updates of matrices.

Megatron trains every matrix but word embeddings and readout with Muon, learned positions too, and
the rest with Adam at the same rate. --muon-scale-mode and --muon-extra-scale-factor multiply
Muon's updates, but not its decay. Source: megatron-core 0.19.0, core/optimizer (November 2026);
emerging-optimizers 0.3.0, orthogonalized_optimizers/muon.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import log
from typing import NamedTuple

from mutransfer_cli.catalog.lr_adjustments import LR_ADJUSTMENTS
from mutransfer_cli.documents.scale import Deviation
from mutransfer_cli.emit.core.abc_symmetry import Offer, differ
from mutransfer_cli.emit.core.decoder_parts import BRANCH_OUTPUTS, INNER
from mutransfer_cli.emit.core.plan_deviations import patterns_of
from mutransfer_cli.emit.core.protocol import EmitRequest, Key
from mutransfer_cli.emit.megatron_parts.base_values import Argument
from mutransfer_cli.optimizers.muon import CLASS_DEFAULT, MOMENTUM, MUON
from mutransfer_cli.optimizers.shape_factors import lr_adjustment
from mutransfer_cli.plans.types import TensorPlan, adjustment_of

MUON_USAGE = (
    "Muon needs NVIDIA's package: pip install emerging-optimizers. Not with --use-megatron-fsdp or",
    "--use-torch-fsdp2, which Megatron refuses for it.",
)
EPSILON = 1e-7  # of its iteration, which no argument sets


class MuonScale(NamedTuple):
    """What Megatron multiplies the updates of matrices by: extra × mode(out, in)."""

    mode: str
    extra: float

    def factor(self, tensor: TensorPlan) -> float:
        """The factor for a matrix."""
        return self.extra * lr_adjustment(self.mode, 1.0)(tensor.shape)


def is_muon(request: EmitRequest) -> bool:
    """Whether Muon is the plan's optimizer."""
    return request.plan.optimizer == MUON.name


def matrices(request: EmitRequest) -> list[TensorPlan]:
    """The matrices inside the blocks that the plan trains with Muon."""
    names = request.decoder.names(*INNER, *BRANCH_OUTPUTS)
    tensors = [t for t in request.plan.tensors if t.name in names]
    return [t for t in tensors if (t.optimizer or request.plan.optimizer) == MUON.name]


def update_factor(request: EmitRequest, tensor: TensorPlan) -> float:
    """What the plan's rate is multiplied by: the factor of its convention."""
    adjustment = adjustment_of(request.plan) or lr_adjustment(CLASS_DEFAULT)
    return adjustment(tensor.shape)


def muon_scale(request: EmitRequest, lr: float) -> MuonScale:
    """The mode and factor at which most matrices move as planned, and the others nearly so.

    Args:
        request: The configuration to write.
        lr: Megatron's learning rate.
    """
    tensors = matrices(request)
    wanted = [t.lr * update_factor(request, t) for t in tensors]

    modes = sorted(
        (lr_adjustment(row.name, 1.0) for row in LR_ADJUSTMENTS if row.in_megatron),
        key=lambda mode: not mode.transfers,
    )
    scales = [
        MuonScale(mode.name, float(f"{w / (lr * mode(t.shape)):.12g}"))
        for mode in modes
        for w, t in zip(wanted, tensors, strict=True)
    ]

    def missed(scale: MuonScale) -> tuple[int, float]:
        ratios = [lr * scale.factor(t) / w for w, t in zip(wanted, tensors, strict=True)]
        return sum(differ(ratio, 1.0) for ratio in ratios), sum(abs(log(r)) for r in ratios)

    return min(scales, key=missed, default=MuonScale(modes[0].name, 1.0))


def muon_offers(
    request: EmitRequest, offers: Mapping[str, Offer], lr: float, decay: float
) -> dict[str, Offer]:
    """The offers for matrices, in the convention of the plan.

    Args:
        request: The configuration to write.
        offers: What Megatron offers with Adam, by part.
        lr: Its learning rate.
        decay: Its weight decay, of which a step takes lr × decay.
    """
    scale, parts, changed = muon_scale(request, lr), request.decoder.parts, dict(offers)
    for tensor in matrices(request):
        rate = lr * scale.factor(tensor) / update_factor(request, tensor)
        part = parts[tensor.name]
        changed[part] = replace(offers[part], lr=rate, weight_decay=lr * decay / rate, eps=EPSILON)
    if "position" in changed:  # Muon trains it: its numbers are not Adam's
        changed["position"] = Offer(init_std=offers["position"].init_std)
    return changed


def muon_arguments(request: EmitRequest, lr: float) -> list[Argument]:
    """The arguments beside those of Adam, which trains the other tensors."""
    scale = muon_scale(request, lr)
    fused = bool(request.decoder.names("qkv"))
    lines: list[Argument] = [
        ("--muon-momentum", request.plan.momentum or MOMENTUM, ""),
        ("--muon-nesterov", None, ""),
        ("--muon-scale-mode", scale.mode, f"updates × {lr_adjustment(scale.mode, 1.0).formula}"),
        ("--muon-extra-scale-factor", scale.extra, "Muon's rate over lr, in that convention"),
        ("--muon-coefficient-type", "simple", "those of torch.optim.Muon"),
        ("--muon-num-ns-steps", 5, ""),
        ("--muon-tp-mode", "duplicated", "whole matrices under tensor parallelism too"),
    ]
    return [*lines, ("--muon-no-split-qkv", None, "one matrix in the proxies")] if fused else lines


def muon_keys(request: EmitRequest, tensor: TensorPlan, lr: float) -> dict[str, Key]:
    """The options that carry the numbers of a matrix; others than matrices keep Adam's.

    Args:
        request: The configuration to write.
        tensor: A tensor of the plan.
        lr: Megatron's learning rate.
    """
    if tensor not in matrices(request):
        return {}
    scale = Key("--lr × --muon-extra-scale-factor", lr * muon_scale(request, lr).extra)
    return {"lr": scale, "eps": Key("the iteration's own", EPSILON)}


def muon_deviations(request: EmitRequest) -> tuple[Deviation, ...]:
    """Matrices that another optimizer trains, or that Megatron takes as one."""
    plan, decoder = request.plan, request.decoder
    names, muon = [t.name for t in plan.tensors], {t.name for t in matrices(request)}
    others = [n for n in decoder.names(*INNER, *BRANCH_OUTPUTS) if n not in muon]
    found = [
        Deviation(
            what=f"optimizer of {', '.join(patterns_of(group, names))}",
            wanted=plan.tensor(group[0]).optimizer,
            got=MUON.name,
            consequence=reason,
        )
        for group, reason in (
            (
                decoder.names("position"),
                "Megatron trains learned positions with Muon, as any matrix but word embeddings "
                "and readout; use rotary positions",
            ),
            (others, "trained by Muon at a rate that was not tuned for it"),
        )
        if group
    ]
    gates = [n for n in decoder.names("gate", "up") if n in muon]
    if decoder.names("gate") and gates:
        found.append(
            Deviation(
                what=f"orthogonalization of {', '.join(patterns_of(gates, names))}",
                wanted="each matrix by itself",
                got="gate and up as one matrix",
                consequence="updates of the same RMS in other directions than the proxies'",
            )
        )
    return tuple(found)
