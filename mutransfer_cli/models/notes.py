"""Makes the document of `mutransfer shapes`: a plan's numbers, disputed choices and notes."""

from __future__ import annotations

from dataclasses import asdict
from math import prod

from mutransfer_cli.catalog.sizes import has_size, size_in
from mutransfer_cli.documents.plan import ShapesDocument
from mutransfer_cli.parameterization.from_recipe import plan_config_of
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.parameterization.rules.disputed_rules import choices_of
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.serialization import plan_fields
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.recipe.schema.recipe import Recipe

MIXTURE = ("experts", "active_experts", "expert_width")  # sizes of a mixture of experts


def notes_of(recipe: Recipe, plan: Plan) -> tuple[str, ...]:
    """Notes on the numbers of a plan."""
    notes = []
    fixed = [tensor.name for tensor in plan.tensors if tensor.role == "fixed"]
    if fixed:
        more = f" and {len(fixed) - 3} more" if len(fixed) > 3 else ""
        notes.append(f"theory has no agreed rule for {', '.join(fixed[:3])}{more}: kept constant")
    if all(factor == 1.0 for factor in plan.multipliers.values()):
        notes.append("nothing grows: the target is the base, and every factor is 1")
    elif plan.multipliers["width"] < 1:
        notes.append("the target is narrower than the base: the same powers, downwards")
    others = [tensor.name for tensor in plan.tensors if _grows_otherwise(tensor, plan)]
    if others:
        more = ", …" if len(others) > 3 else ""
        notes.append(
            f"{', '.join(others[:3])}{more}: grow by another ratio than the width; planned by each "
            "tensor's own fans"
        )
    unknown = [tensor for tensor in plan.tensors if tensor.note]
    for note in dict.fromkeys(tensor.note for tensor in unknown):
        names = [tensor.name for tensor in unknown if tensor.note == note]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        notes.append(f"{', '.join(names[:3])}{more}: {note}")
    notes += mixture_notes(plan)
    notes += parameterization_of(recipe.parameterization).notes(recipe.rules.alignment)
    return tuple(notes)


def mixture_notes(plan: Plan) -> list[str]:
    """Total and active width, and parameters, of a mixture of experts whose sizes are named."""
    experts = [tensor for tensor in plan.tensors if tensor.role == "expert"]
    if not experts or not all(has_size(plan.target, name) for name in ("experts", "expert_width")):
        return []
    e, k, m = (size_in(plan.target, name) for name in MIXTURE)
    base_e, base_k, base_m = (size_in(plan.base, name) for name in MIXTURE)
    total = sum(prod(tensor.shape) for tensor in plan.tensors)
    idle = sum(prod(tensor.shape) for tensor in experts) * (e - k) // e
    return [
        f"total width of the experts {e} × {m} = {e * m:,} (base {base_e * base_m:,}), active "
        f"width {k} × {m} = {k * m:,} (base {base_k * base_m:,}); parameters {total:,}, active for "
        f"a token {total - idle:,}"
    ]


def _grows_otherwise(tensor: TensorPlan, plan: Plan) -> bool:
    """Do its growing dimensions grow by another ratio than the width?"""
    ratios = {tensor.shape[d] / tensor.base_shape[d] for d in tensor.growing}
    return bool(ratios) and ratios != {plan.multipliers["width"]}


def shapes_document(
    recipe: Recipe, plan: Plan, origins: dict[str, str] | None = None
) -> ShapesDocument:
    """The document that `mutransfer shapes` prints."""
    choices = [asdict(c) for c in choices_of(plan_config_of(recipe), plan)]
    return ShapesDocument.model_validate(
        {
            **plan_fields(plan),
            "origins": origins,
            "choices": choices,
            "notes": notes_of(recipe, plan),
        }
    )
