"""Compares a plan with what a stack can express: reasons to refuse it, and deviations."""

from __future__ import annotations

from collections.abc import Sequence

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.catalog.stack_entry import StackEntry
from mutransfer_cli.catalog.stacks import STACKS
from mutransfer_cli.documents.scale import Deviation
from mutransfer_cli.emit.core.abc_symmetry import differ
from mutransfer_cli.emit.core.decoder_parts import BRANCH_OUTPUTS, INNER, NotADecoder
from mutransfer_cli.emit.core.protocol import EmitRequest
from mutransfer_cli.emit.core.resolve import forward_scale
from mutransfer_cli.emit.core.rotary_scaling import rescaled_frequencies
from mutransfer_cli.emit.core.schedule_deviations import schedule_deviations
from mutransfer_cli.errors import InputError
from mutransfer_cli.optimizers.muon import MUON
from mutransfer_cli.plans.param_groups import untrainable_reason


def limitations(request: EmitRequest, row: StackEntry) -> list[str]:
    """The reasons why a stack cannot express a plan at all; empty if it can."""
    plan, model = request.plan, request.recipe.model.build
    reasons = []
    unit_scaled = PARAMETERIZATIONS[plan.parameterization].unit_scaled
    if not includes(row.parameterizations, plan.parameterization) or (
        unit_scaled and not row.unit_scaling
    ):
        reasons.append(f"does not support the parameterization {plan.parameterization}")
    if not includes(row.optimizers, plan.optimizer):
        reasons.append(f"does not support the optimizer {plan.optimizer}")
    if row.torch_optimizers and (missing := untrainable_reason(plan.optimizer, torch_only=True)):
        reasons.append(missing)
    if plan.form == "absorbed" and not row.absorbed_readout:
        reasons.append(
            "the stack multiplies the readout by 1/m, which rules.readout: absorbed folds into its "
            "init and rate; set rules.readout: multiplier"
        )
    if row.models == "transformers" and request.hf_config is None:
        reasons.append(f"model.build is {model}, expected hf:TYPE")
    if row.models == "decoders":
        try:
            decoder = request.decoder
        except NotADecoder as error:
            return [*reasons, str(error)]
        gpt2 = not (decoder.rotary or decoder.gated or decoder.rms)
        if row.gpt2_only and not (gpt2 and decoder.filter == 4 * decoder.width):
            reasons.append(
                "has learned positions, LayerNorm and a plain MLP of four times the width, which "
                f"{model} does not have"
            )
        rope = rescaled_frequencies(request.hf_config)
        if rope is not None and not includes(row.rope_types, kind := str(rope.get("rope_type"))):
            known = " and ".join(("default", *(row.rope_types or ())))
            reasons.append(f"the config's rope_type is {kind}, and the stack has {known}")
        if decoder.tied and row.tied == "never":
            reasons.append(
                "a tied embedding needs a multiplier on the logits, which the stack does not have; "
                "untie the proxies"
            )
    return reasons


def core_limitations(request: EmitRequest, row: StackEntry) -> list[str]:
    """What a stack lacks of the parameterization itself; deviations would tell, but not help."""
    if row.models != "decoders":
        return []
    reasons = muon_outside_blocks(request)
    return reasons if row.residual_multiplier else [*reasons, *residual_limitation(request, 1.0)]


def muon_outside_blocks(request: EmitRequest) -> list[str]:
    """Why a stack whose Muon trains the matrices of the blocks alone cannot hold the plan."""
    inside = request.decoder.names(*INNER, *BRANCH_OUTPUTS)
    found = [t.name for t in request.plan.tensors if t.optimizer == MUON.name]
    others = [name for name in found if name not in inside]
    if not others:
        return []
    shown = ", ".join(others[:2]) + (", …" if len(others) > 2 else "")
    return [f"its Muon trains matrices inside the blocks alone, the plan's trains {shown} too"]


def residual_limitation(request: EmitRequest, actual: float) -> list[str]:
    """The limitation of a stack whose residual branches are multiplied by `actual`."""
    plan, decoder = request.plan, request.decoder
    planned = forward_scale(plan, "residual", decoder.model_multipliers)
    by_depth = PARAMETERIZATIONS[plan.parameterization].depth_exponent
    if by_depth and plan.forward.get("residual_scale") is None:
        # init and rates of the branches' outputs have absorbed it
        planned *= decoder.m_depth**-request.recipe.rules.depth_alpha
    if not differ(planned, actual):
        return []
    return [
        f"the stack multiplies residual branches by {actual:.4g}, the plan ({plan.parameterization}"
        f") by {planned:.4g}, which its init and rates cannot absorb"
    ]


def refuse_core(request: EmitRequest, reasons: Sequence[str]) -> None:
    """Refuse a plan of which the stack cannot hold the core, unless deviations are allowed.

    Raises:
        InputError: There are reasons, and `--allow-deviations` is not set.
    """
    if reasons and not request.allow_deviations:
        raise InputError(
            f"{refusal(request, reasons[0])}; --allow-deviations writes it all the same"
        )


def includes(names: Sequence[str] | None, name: str) -> bool:
    """Whether a row's list contains a name; None stands for all names."""
    return names is None or name in names


def refusal(request: EmitRequest, reason: str) -> InputError:
    """The error for a format that cannot express a plan; it names the formats that can."""
    name = request.format
    able = [
        row.name
        for row in STACKS
        if row.name != name and not (limitations(request, row) or core_limitations(request, row))
    ]
    return InputError(f"--format {name}: {reason}; use --format {', '.join(able)}")


def check_capabilities(request: EmitRequest, row: StackEntry) -> tuple[Deviation, ...]:
    """The deviations that follow from the limits of a stack.

    Raises:
        InputError: The stack cannot express the plan at all.
    """
    reasons = limitations(request, row)
    if reasons:
        raise refusal(request, reasons[0])
    refuse_core(request, core_limitations(request, row))
    deviations = []
    if row.tied == "always":
        deviations += [
            Deviation(
                what=f"tied of {name}",
                wanted="a tensor of its own",
                got="the embedding's",
                consequence="not the model of the proxies; use model.args.tied: true",
            )
            for name in request.decoder.names("readout")
        ]
    return (*deviations, *schedule_deviations(request, row))
