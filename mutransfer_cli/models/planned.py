"""From a recipe to plans and prepared proxies: build, trace, derive, apply."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from mutransfer_cli.data.open import open_source
from mutransfer_cli.models.build import build, run_user_code
from mutransfer_cli.models.loss import cross_entropy
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.recipe.size import Size, base_size, rungs
from mutransfer_cli.rules.derive import derive
from mutransfer_cli.rules.document import ShapesDocument, plan_fields
from mutransfer_cli.rules.plan import Plan
from mutransfer_cli.rules.settings import Init, Optimizer, Settings
from mutransfer_cli.rules.shapes import Family, family_of, shapes_of, skeleton

TRACED_EXAMPLES = 2


def settings_of(recipe: Recipe, residual_outputs: tuple[str, ...]) -> Settings:
    """The recipe's hyperparameters and rules as the rules room takes them."""
    o, i, m = recipe.optimizer, recipe.init, recipe.multipliers
    outputs = residual_outputs if i.residual == "gpt2" else ()
    decay = recipe.rules.decay
    return Settings(
        parameterization=recipe.parameterization,
        optimizer=Optimizer(
            o.name, o.lr, (o.betas[0], o.betas[1]), o.eps, o.weight_decay, o.momentum
        ),
        readout=recipe.rules.readout,
        weight_decay=recipe.rules.weight_decay,
        decay=decay if isinstance(decay, str) else tuple(decay),
        epsilon=recipe.rules.epsilon,
        init=Init(i.from_, i.std, i.embedding_std, i.readout_std, outputs, tuple(i.zero)),
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
    where = f"model.build: {recipe.model.build}: its forward pass at width {size.width}"
    run = partial(run_user_code, partial(subject.loss, subject.model, batch), where)
    return subject.model, run


@dataclass(frozen=True, slots=True)
class TracedFamily:
    """A traced family, and what the model's class says of itself."""

    family: Family
    residual_outputs: tuple[str, ...]


_families: dict[str, TracedFamily] = {}


def family_for(recipe: Recipe) -> TracedFamily:
    """Trace the base and one other size on the CPU; remembered for as long as the model is."""
    base = base_size(recipe)
    key = repr((recipe.model, recipe.roles, recipe.data, base))
    if key not in _families:
        others = [s for s in rungs(recipe) if s.width != base.width]
        other = (
            min(others, key=lambda s: s.width)
            if others
            else Size(2 * base.width, base.depth, base.batch, base.steps)
        )
        roles = [(r.match, r.role) for r in recipe.roles]
        with torch.random.fork_rng(devices=[]):
            model, run = _traced(recipe, base)
            family = family_of((model, run), _traced(recipe, other), roles)
        outputs = tuple(getattr(model, "residual_outputs", ()))
        _families[key] = TracedFamily(family, outputs)
    return _families[key]


def sizes(size: Size) -> dict[str, int]:
    return {"width": size.width, "depth": size.depth, "batch": size.batch, "steps": size.steps}


def plan_for(recipe: Recipe, size: Size) -> Plan:
    """The plan of a recipe at a size; the model at that size has no weights in memory.

    Raises InputError, naming tensor or key, where no sound plan exists.
    """
    traced = family_for(recipe)
    model = skeleton(lambda: build(recipe, size).model)
    return derive(
        traced.family,
        settings_of(recipe, traced.residual_outputs),
        shapes_of(model),
        sizes(base_size(recipe)),
        sizes(size),
    )


def proxy(recipe: Recipe, size: Size, seed: int, plan: Plan | None = None) -> Subject:
    """A model ready to train: initialised, multipliers installed, with optimizer and loss."""
    plan = plan or plan_for(recipe, size)
    subject = completed(recipe, build(recipe, size, seed))
    plan.initialize(subject.model, seed)
    plan.install(subject.model)
    subject.optimizer = plan.optimizers(subject.model)[0]
    return subject


def notes_of(recipe: Recipe, plan: Plan) -> tuple[str, ...]:
    """What a reader of the plan should know about its numbers."""
    notes = []
    fixed = [t.name for t in plan.tensors if t.role == "fixed"]
    if fixed:
        notes.append(f"no agreed rule for {', '.join(fixed)}: constant in width")
    if recipe.parameterization == "sp":
        notes.append("sp: one learning rate for all tensors; its optimum moves with width")
    return tuple(notes)


def shapes_document(
    recipe: Recipe, plan: Plan, origins: dict[str, str] | None = None
) -> ShapesDocument:
    """What `mutransfer shapes` prints."""
    return ShapesDocument.model_validate(
        {**plan_fields(plan), "origins": origins, "notes": notes_of(recipe, plan)}
    )
