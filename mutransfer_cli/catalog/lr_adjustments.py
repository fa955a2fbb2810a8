"""Conventions for the scale of Muon's update: what `optimizer.adjust_lr` can name.

Muon makes all singular values of an update equal to 1. Each library then multiplies it by a factor
of its own, which depends on the matrix's shape (out, in), so that "Muon's learning rate" is a
different number in each.
"""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class LrAdjustmentEntry(Entry):
    """A row for a convention; its implementation is an `optimizers.shape_factors.ShapeFactor`.

    Attributes:
        formula: The factor on the update, as text.
        source: The library's code or the paper, with the name that it gives to the convention.
        coefficient: Factor in front of the implementation's value.
        takes_factor: Whether the library lets its users choose the coefficient, which is
            `optimizer.adjust_lr_factor`.
        in_torch: Whether torch's own Muon has it, in some version, by this name; so does
            torchtitan's.
        in_megatron: Whether Megatron's Muon has it by this name.
    """

    formula: str
    source: str
    coefficient: float = 1.0
    takes_factor: bool = False
    in_torch: bool = False
    in_megatron: bool = False


_CLAMPED = "mutransfer_cli.optimizers.shape_factors:clamped_ratio"
_RATIO = "mutransfer_cli.optimizers.shape_factors:ratio"
_LONGER = "mutransfer_cli.optimizers.shape_factors:longer_side"

LR_ADJUSTMENTS = Registry(
    "lr_adjustments",
    LrAdjustmentEntry,
    [
        LrAdjustmentEntry(
            name="original",
            in_torch=True,
            summary="torch's default",
            implementation=_CLAMPED,
            formula="√max(1, out/in)",
            source="torch.optim.Muon, adjust_lr_fn",
        ),
        LrAdjustmentEntry(
            name="match_rms_adamw",
            in_torch=True,
            summary="torch's variant with the RMS of AdamW's updates",
            implementation=_LONGER,
            formula="0.2·√max(out, in)",
            source="torch.optim.Muon, adjust_lr_fn; Moonlight 2502.16982",
            coefficient=0.2,
        ),
        LrAdjustmentEntry(
            name="spectral_unclamped",
            in_torch=True,
            summary="the spectral condition",
            implementation=_RATIO,
            formula="√(out/in)",
            source="pytorch #187402 and torchtitan's DistMuon, adjust_lr_fn; 2310.17813",
        ),
        LrAdjustmentEntry(
            name="none",
            summary="no factor",
            implementation="mutransfer_cli.optimizers.shape_factors:constant",
            formula="1",
            source="microsoft/dion, adjust_lr=None",
        ),
        LrAdjustmentEntry(
            name="spectral",
            in_megatron=True,
            summary="NVIDIA's, in Megatron-LM and Emerging-Optimizers; not the spectral condition",
            implementation=_LONGER,
            formula="c·√max(out, in)",
            source="NVIDIA Emerging-Optimizers, get_muon_scale_factor; Megatron-LM, "
            "--muon-scale-mode",
            takes_factor=True,
        ),
        LrAdjustmentEntry(
            name="unit_rms_norm",
            in_megatron=True,
            summary="NVIDIA's name of the spectral condition",
            implementation=_RATIO,
            formula="c·√(out/in)",
            source="NVIDIA Emerging-Optimizers, get_muon_scale_factor; Megatron-LM, "
            "--muon-scale-mode",
            takes_factor=True,
        ),
        LrAdjustmentEntry(
            name="shape_scaling",
            in_megatron=True,
            summary="NVIDIA's name of torch's default",
            implementation=_CLAMPED,
            formula="c·√max(1, out/in)",
            source="NVIDIA Emerging-Optimizers, get_muon_scale_factor; Megatron-LM, "
            "--muon-scale-mode",
            takes_factor=True,
        ),
        LrAdjustmentEntry(
            name="consistent_rms",
            summary="optax's and MaxText's, with their number as adjust_lr_factor (0.2 by default)",
            implementation=_LONGER,
            formula="c·√max(out, in)",
            source="optax.contrib.muon, consistent_rms; MaxText, muon_consistent_rms; "
            "keras.optimizers.Muon, rms_rate",
            coefficient=0.2,
            takes_factor=True,
        ),
        LrAdjustmentEntry(
            name="keller_jordan",
            summary="the authors' own; also optax without consistent_rms, and levanter",
            implementation=_CLAMPED,
            formula="√max(1, out/in)",
            source="KellerJordan/Muon, muon_update; DeepSpeed, muon_update",
        ),
        LrAdjustmentEntry(
            name="moonlight",
            summary="Moonlight's and Kimi's",
            implementation=_LONGER,
            formula="0.2·√max(out, in)",
            source="MoonshotAI/Moonlight, adjust_lr_for_muon; levanter, use_kimi_scaling; "
            "2502.16982",
            coefficient=0.2,
        ),
        LrAdjustmentEntry(
            name="dion",
            summary="the default of microsoft/dion, spectral_norm there",
            implementation=_RATIO,
            formula="√(out/in)",
            source="microsoft/dion, adjust_lr_spectral_norm; OLMo-core, spectral_norm",
        ),
        LrAdjustmentEntry(
            name="dion_rms_norm",
            summary="the other one of microsoft/dion, rms_norm there",
            implementation=_LONGER,
            formula="0.2·√max(out, in)",
            source="microsoft/dion, adjust_lr_rms_norm; OLMo-core, rms_norm",
            coefficient=0.2,
        ),
        LrAdjustmentEntry(
            name="rms_to_rms",
            summary="timm's name of the spectral condition",
            implementation=_RATIO,
            formula="√(out/in)",
            source="timm.optim.Muon, adjust_lr_fn",
        ),
    ],
)
