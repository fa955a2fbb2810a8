"""Muon in torchtitan: one DistMuon for all matrices, with one rate, decay and scale convention.

It follows torch.optim.Muon, and knows one convention more. Source: torchtitan 0.3.0,
distributed/flex_shard/dist_muon.py and models/kimi_k2_7/config_registry.py (November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mutransfer_cli.catalog.lr_adjustments import LR_ADJUSTMENTS
from mutransfer_cli.emit.core.abc_symmetry import Numbers, differ
from mutransfer_cli.emit.core.protocol import EmitRequest
from mutransfer_cli.optimizers.muon import CLASS_DEFAULT, MOMENTUM, MUON
from mutransfer_cli.optimizers.shape_factors import LrAdjustment, lr_adjustment
from mutransfer_cli.plans.types import TensorPlan, adjustment_of
from mutransfer_cli.quoting import python

MUON_USAGE = (
    "DistMuon trains the matrices inside the layers. It allows no tensor or pipeline parallelism;",
    "training.disable_cuda_graphs is set, as torchtitan's own configs with DistMuon do.",
)


@dataclass(frozen=True, slots=True)
class DistMuon:
    """The one group of DistMuon.

    Attributes:
        adjust_lr: The convention of its rate.
        lr: Its rate.
        weight_decay: Its decay.
        numbers: What it trains each matrix with, in the convention of the plan.
    """

    adjust_lr: str
    lr: float
    weight_decay: float
    numbers: Mapping[str, Numbers]

    def differing(self, planned: Mapping[str, Numbers]) -> list[str]:
        """The matrices whose rate or decay is not the planned one."""
        return [
            name
            for name, n in self.numbers.items()
            if differ(n.lr, planned[name].lr) or differ(n.weight_decay, planned[name].weight_decay)
        ]


def muon_matrices(request: EmitRequest, names: Mapping[str, Numbers]) -> list[TensorPlan]:
    """The tensors among these that the plan trains with Muon."""
    tensors = [t for t in request.plan.tensors if t.name in names]
    return [t for t in tensors if (t.optimizer or request.plan.optimizer) == MUON.name]


def dist_muon(request: EmitRequest, actual: Mapping[str, Numbers]) -> DistMuon | None:
    """The group that trains most matrices as planned; None if the plan has no Muon.

    Args:
        request: The configuration to write.
        actual: The numbers of every tensor, in the form for the stack's multipliers.
    """
    tensors = muon_matrices(request, actual)
    plans = adjustment_of(request.plan) or lr_adjustment(CLASS_DEFAULT)

    def group(convention: LrAdjustment, like: TensorPlan) -> DistMuon:
        factor = plans(like.shape) / convention(like.shape)
        lr, decay = actual[like.name].lr * factor, actual[like.name].weight_decay / factor
        ratios = {t.name: convention(t.shape) / plans(t.shape) for t in tensors}
        numbers = {
            name: replace(actual[name], lr=lr * ratio, weight_decay=decay / ratio)
            for name, ratio in ratios.items()
        }
        return DistMuon(convention.name, lr, decay, numbers)

    conventions = [lr_adjustment(row.name) for row in LR_ADJUSTMENTS if row.in_torch]
    groups = [group(convention, like) for convention in conventions for like in tensors]
    return min(groups, key=lambda found: len(found.differing(actual)), default=None)


def muon_options(request: EmitRequest, muon: DistMuon) -> dict[str, Any]:
    """What DistMuon is given."""
    plan = request.plan
    (first, *_) = muon.numbers.values()
    return {
        "lr": muon.lr,
        "weight_decay": muon.weight_decay,
        "momentum": plan.momentum or MOMENTUM,
        "nesterov": True,
        "eps": first.eps or 0.0,
        "adjust_lr_fn": muon.adjust_lr,
        "fused": False,
        "foreach": False,
    }


def muon_text(request: EmitRequest, muon: DistMuon | None, modules: Sequence[str]) -> str:
    """DistMuon's options and the modules that it trains, as literals.

    Args:
        request: The configuration to write.
        muon: Its group; None: the plan has no Muon.
        modules: The modules of a layer.
    """
    if muon is None:
        return "MUON = None\nMUON_MODULES = ()\n"
    options = python(muon_options(request, muon), 100)
    return f"MUON = {options}\nMUON_MODULES = {python(tuple(modules))}\n"


def several_rates(names: Sequence[str]) -> list[str]:
    """The reason why DistMuon cannot train these matrices as planned; empty without any."""
    if not names:
        return []
    shown = ", ".join(names[:2]) + (", …" if len(names) > 2 else "")
    need = "needs" if len(names) == 1 else "need"
    return [f"its DistMuon has one rate and one decay for all matrices, and {shown} {need} others"]
