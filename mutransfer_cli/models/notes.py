"""What `mutransfer shapes` says of a plan: its numbers, its disputed choices, and notes on them."""

from __future__ import annotations

from dataclasses import asdict

from mutransfer_cli.documents.plan import ShapesDocument
from mutransfer_cli.parameterization.from_recipe import settings_of
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.parameterization.rules.disputed_rules import choices_of
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.serialization import plan_fields
from mutransfer_cli.recipe.schema.recipe import Recipe


def notes_of(recipe: Recipe, plan: Plan) -> tuple[str, ...]:
    """What a reader of the plan should know about its numbers."""
    notes = []
    fixed = [t.name for t in plan.tensors if t.role == "fixed"]
    if fixed:
        shown = ", ".join(fixed[:3]) + (f" and {len(fixed) - 3} more" if len(fixed) > 3 else "")
        notes.append(f"theory has no agreed rule for {shown}: kept constant")
    m = plan.multipliers
    if all(factor == 1.0 for factor in m.values()):
        notes.append("nothing grows: the target is the base, and every factor is 1")
    elif m["width"] < 1:
        notes.append("the target is narrower than the base: the same powers, downwards")
    astray = {
        t.name: (t.fan_in, t.fan_out)
        for t in plan.tensors
        if len(grown := {t.shape[d] / t.base_shape[d] for d in t.growing}) and grown != {m["width"]}
    }
    if astray:
        shown = ", ".join(list(astray)[:3]) + (", …" if len(astray) > 3 else "")
        notes.append(
            f"{shown}: grow by another ratio than the width; planned by each tensor's own fans"
        )
    notes += parameterization_of(recipe.parameterization).notes(recipe.rules.alignment)
    return tuple(notes)


def shapes_document(
    recipe: Recipe, plan: Plan, origins: dict[str, str] | None = None
) -> ShapesDocument:
    """The document that `mutransfer shapes` prints."""
    choices = [asdict(c) for c in choices_of(settings_of(recipe), plan)]
    return ShapesDocument.model_validate(
        {
            **plan_fields(plan),
            "origins": origins,
            "choices": choices,
            "notes": notes_of(recipe, plan),
        }
    )
