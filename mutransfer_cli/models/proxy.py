"""From a recipe to plans and prepared proxies: build, trace, derive, apply."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch

from mutransfer_cli.data.opening import open_source
from mutransfer_cli.documents.plan import ShapesDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.loss import cross_entropy
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.unit_scale import unit_scale
from mutransfer_cli.models.user_code import BUILD, build, default_roles, run_user_code
from mutransfer_cli.parameterization.disputed_rules import choices_of
from mutransfer_cli.parameterization.planner import derive
from mutransfer_cli.parameterization.settings import Init, Optimizer, Settings
from mutransfer_cli.plans.multi_optimizer import as_one_optimizer
from mutransfer_cli.plans.param_groups import OPTIMIZERS, optimizers_over, untrainable_reason
from mutransfer_cli.plans.parameters import parameters_by_name
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.serialization import plan_fields
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size, base_size, rungs
from mutransfer_cli.tracing.blocks import Blocks, blocks_of
from mutransfer_cli.tracing.family import Family, family_of, shapes_of, skeleton

TRACED_EXAMPLES = 2


def settings_of(recipe: Recipe) -> Settings:
    """The recipe's hyperparameters and rules as the rules room takes them."""
    o, i, m, r = recipe.optimizer, recipe.init, recipe.multipliers, recipe.rules
    return Settings(
        parameterization=recipe.parameterization,
        optimizer=Optimizer(
            o.name,
            o.lr,
            (o.betas[0], o.betas[1]),
            o.eps,
            o.weight_decay,
            o.momentum,
            o.nesterov,
            o.adamw_lr,
        ),
        readout=r.readout,
        weight_decay=r.weight_decay,
        decay=r.decay if isinstance(r.decay, str) else tuple(r.decay),
        epsilon=r.epsilon,
        alignment=r.alignment,
        depth_alpha=r.depth_alpha,
        horizon=r.horizon,
        beta1=r.beta1,
        init=Init(
            i.from_, i.std, i.embedding_std, i.readout_std, i.residual == "gpt2", tuple(i.zero)
        ),
        lr_factors=dict(recipe.lr_factors),
        embedding_multiplier=m.embedding,
        logit_multiplier=m.logit,
        attention_multiplier=m.attention,
        residual_multiplier=m.residual,
        clip=recipe.clip,
    )


def completed(recipe: Recipe, subject: Subject) -> Subject:
    """Fill in the loss and the batches of the recipe's data where the subject has none."""
    if subject.loss is None:
        subject.loss = cross_entropy
    if subject.batch is None:
        source = open_source(recipe)
        subject.batch = lambda seed: source.batch(seed, 0, recipe.base.batch)
    return subject


def _traced(recipe: Recipe, size: Size) -> tuple[torch.nn.Module, Any]:
    subject = completed(recipe, build(recipe, size))
    assert subject.loss is not None and subject.batch is not None
    batch = subject.batch(0)
    if isinstance(batch, tuple) and all(isinstance(part, torch.Tensor) for part in batch):
        batch = tuple(part[:TRACED_EXAMPLES] for part in batch)
    subject.model.eval()  # dropout is not a use
    where = f"{recipe.model.build}: its forward pass at width {size.width}"
    run = partial(run_user_code, partial(subject.loss, subject.model, batch), where, BUILD)
    return subject.model, run


DEPTH_RULES = frozenset({"completep", "umup"})
_families: dict[str, Family] = {}


def family_for(recipe: Recipe, deeper: bool = False) -> Family:
    """Trace the base and one other width on the CPU; remembered for as long as the model is.

    deeper: also build the model at another depth, to see what is repeated along it.
    """
    base = base_size(recipe)
    deeper = deeper or recipe.parameterization in DEPTH_RULES
    key = repr((recipe.model, recipe.roles, recipe.data, base, deeper))
    if key not in _families:
        widths = [s.width for s in rungs(recipe) if s.width != base.width]
        other = replace(base, width=min(widths) if widths else 2 * base.width)
        roles = [(r.match, r.role) for r in recipe.roles] + list(default_roles(recipe))
        with torch.random.fork_rng(devices=[]):
            model, run = _traced(recipe, base)
            blocks = repeated(recipe, base, model) if deeper else Blocks()
            _families[key] = family_of((model, run), _traced(recipe, other), roles, blocks)
    return _families[key]


def repeated(recipe: Recipe, base: Size, model: torch.nn.Module) -> Blocks:
    """What is repeated along the depth, from the names of a model twice as deep."""
    twice = skeleton(lambda: build(recipe, replace(base, depth=2 * base.depth)).model)
    return blocks_of(shapes_of(model).keys(), shapes_of(twice).keys())


def sizes(size: Size) -> dict[str, int]:
    return {"width": size.width, "depth": size.depth, "batch": size.batch, "steps": size.steps}


def plan_for(recipe: Recipe, size: Size) -> Plan:
    """The plan of a recipe at a size; the model at that size has no weights in memory.

    Raises InputError, naming tensor or key, where no sound plan exists.
    """
    family = family_for(recipe, size.depth != recipe.base.depth)
    model = skeleton(lambda: build(recipe, size).model)
    return derive(
        family,
        settings_of(recipe),
        shapes_of(model),
        sizes(base_size(recipe)),
        sizes(size),
    )


def proxy(recipe: Recipe, size: Size, seed: int, plan: Plan | None = None) -> Subject:
    """A model ready to train: initialised, multipliers installed, with optimizer and loss."""
    plan = plan or plan_for(recipe, size)
    subject = started(recipe, size, seed, plan)
    parameters = parameters_by_name(plan, subject.model)
    subject.optimizer = as_one_optimizer(optimizers_over(plan, parameters))
    return subject


def started(recipe: Recipe, size: Size, seed: int, plan: Plan) -> Subject:
    """A proxy without an optimizer (torch's first one takes a second to make)."""
    trainable(recipe)
    subject = completed(recipe, build(recipe, size, seed))
    plan.initialize(subject.model, seed)
    if plan.parameterization == "umup":
        unit_scale(plan, subject.model)
    plan.install(subject.model)
    return subject


def trainable(recipe: Recipe) -> None:
    """Raises InputError where a recipe can be planned and not trained, with the reason."""
    reason = untrainable_reason(recipe.optimizer.name)
    if reason is not None:
        raise InputError(
            f"{reason} (mutransfer shapes and scale); to train proxies take one of "
            f"{', '.join(OPTIMIZERS)}",
            path=("optimizer", "name"),
        )
    if recipe.parameterization == "umup" and recipe.model.build != "gpt":
        raise InputError(
            f"umup trains the built-in gpt only, not {recipe.model.build}: it "
            "needs a model's skip weights; shapes and scale give the numbers of any model",
            path=("parameterization",),
        )


def notes_of(recipe: Recipe, plan: Plan) -> tuple[str, ...]:
    """What a reader of the plan should know about its numbers."""
    notes = []
    fixed = [t.name for t in plan.tensors if t.role == "fixed"]
    if fixed:
        shown = ", ".join(fixed[:3]) + (f" and {len(fixed) - 3} more" if len(fixed) > 3 else "")
        notes.append(f"theory has no agreed rule for {shown}: kept constant")
    if recipe.parameterization == "sp" and recipe.rules.alignment is None:
        notes.append("sp: one learning rate for all tensors; its optimum moves with width")
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
    if recipe.parameterization == "umup":
        notes.append(
            "umup: numbers at unit scale, as the unit-scaling package has them; but for the "
            "built-in gpt, a model needs that package's operations to train so"
        )
    return tuple(notes)


def shapes_document(
    recipe: Recipe, plan: Plan, origins: dict[str, str] | None = None
) -> ShapesDocument:
    """What `mutransfer shapes` prints."""
    choices = [asdict(c) for c in choices_of(settings_of(recipe), plan)]
    return ShapesDocument.model_validate(
        {
            **plan_fields(plan),
            "origins": origins,
            "choices": choices,
            "notes": notes_of(recipe, plan),
        }
    )
