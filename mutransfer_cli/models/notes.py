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
ACTIVE_WIDTH = "active-width"


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
    notes += mixture_notes(plan, recipe.rules.experts)
    notes += parameterization_of(recipe.parameterization).notes(recipe.rules.alignment)
    return tuple(notes)


def mixture_notes(plan: Plan, rule: str) -> list[str]:
    """Total and active width, and parameters, of a mixture of experts whose sizes are named.

    Args:
        plan: The plan.
        rule: That of the recipe, `rules.experts`.
    """
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
        f"a token {total - idle:,}",
        *sum_notes(plan, rule),
    ]


def sum_notes(plan: Plan, rule: str) -> list[str]:
    """A note where the experts of a token are together wider than what they are summed into.

    Their sum follows neurons that are independent while k · M is at most about the width; beyond,
    updates of the first matrices, which agree with the rows of the last, make up most of it: with
    active-width the change grows as √(1 + 2/π · k · M / width), with averaged it stays (derived).
    A check of a few steps judges each matrix by its own result, and passes both.

    Args:
        plan: A plan whose sizes of a mixture are named.
        rule: That of the recipe, `rules.experts`.
    """
    if not has_size(plan.target, "expert_width"):
        return []
    _, k, m = (size_in(plan.target, name) for name in MIXTURE)
    others = {tensor.fan_in for tensor in plan.tensors if tensor.role == "expert"} - {m}
    width = max(others, default=m)
    if rule != ACTIVE_WIDTH or k * m <= width:
        return []
    return [
        f"experts of a token: k · M = {k} × {m} = {k * m:,} is beyond the {width:,} features that "
        "they are summed into, where rules.experts: averaged is the rule that is derived "
        "(active-width up to about as many); assumption: in small runs at 2 to 16 times as many "
        "neither cost more; a ladder over expert_width measures it on yours"
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
