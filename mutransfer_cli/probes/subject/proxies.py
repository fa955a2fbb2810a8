"""The proxies that a probe trains, whatever they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

from mutransfer_cli.coordcheck.user_callable import (
    DEFAULT_WIDTHS,
    subject_builder,
    traced_family,
)
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.checked_subject import NO_GRADIENT
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import import_callable, run_user_code
from mutransfer_cli.probes.curvature.repeatable import random_parts, repeatable
from mutransfer_cli.probes.curvature.stability import require_descent
from mutransfer_cli.probes.subject.trainee import Trainee, check_slope
from mutransfer_cli.recipe.load import load, override
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.tracing.family import Family
from mutransfer_cli.train.norms.readouts import installed_factor
from mutransfer_cli.train.single_trial import SingleModel
from mutransfer_cli.train.trial import Trial

CALLABLE_STEPS = 100
SEED_STRIDE = 1_000_003

MakeTrainee = Callable[[Size, int, Mapping[str, float]], Trainee]


@dataclass(frozen=True)
class Proxies:
    """What a probe measures.

    Attributes:
        name: As the user named it.
        sizes: Sizes of the ladder, small to large.
        base: The size at which hyperparameters are quoted.
        train: Makes the trainee of a size and a seed, with some hyperparameters replaced.
        parameterization: Name of the parameterization; None: the user's own.
        run: The run, where it is one.
        learning_rate: That of the recipe; 0 for a callable.
        under: The same proxies under the parameterization of a name; None for a callable.
        schedule: Name of the recipe's schedule; None for a callable.
        family: Traces the model at two widths.
    """

    name: str
    sizes: tuple[Size, ...]
    base: Size
    train: MakeTrainee
    parameterization: str | None
    run: Run | None = None
    learning_rate: float = 0.0
    schedule: str | None = None
    under: Callable[[str], Proxies] | None = None
    family: Callable[[], Family] | None = None

    @property
    def widths(self) -> tuple[Size, ...]:
        """The sizes that differ from the base in nothing but the width."""
        rest = self.base.as_dict() | {"width": 0}
        return tuple(s for s in self.sizes if s.as_dict() | {"width": 0} == rest)


def proxies_of(target: str, sets: tuple[str, ...] = ()) -> Proxies:
    """Read what a probe is to measure.

    Args:
        target: A recipe, a run directory, or `package.module:callable`.
        sets: Overrides `key=value` of a recipe.

    Raises:
        InputError: There is no such recipe, run or callable.
    """
    if is_callable(target):
        if sets:
            raise InputError("--set: there is no recipe to change; give a recipe instead")
        return proxies_of_callable(import_callable(target, ("probe",)), target)
    path = Path(target)
    if path.is_dir():
        run = Run.open(path)
        return proxies_of_recipe(run.recipe, target, run)
    return proxies_of_recipe(load(path, sets).recipe, target)


def is_callable(target: str) -> bool:
    """Whether a target is written as `package.module:callable`."""
    return ":" in target and not target.endswith((".yaml", ".yml"))


def proxies_of_recipe(recipe: Recipe, name: str, run: Run | None = None) -> Proxies:
    """The proxies of a recipe.

    Args:
        recipe: The recipe.
        name: As the user named it.
        run: The run that it belongs to.
    """
    # what a probe measures needs float32, and gradients of a batch as one
    factory = ProxyFactory(recipe.model_copy(update={"train": None}))

    def train(size: Size, seed: int, hyperparameters: Mapping[str, float]) -> Trainee:
        trial = Trial.of(factory, size, seed, hyperparameters)
        single = SingleModel(trial)
        loss = single.subject.loss
        assert loss is not None
        frozen = random_parts(single.subject.model)

        def step(i: int) -> float:
            loss = float(single.step(i))
            if i == 0:
                check_slope(single.subject.model, name)
            return loss

        return Trainee(
            model=single.subject.model,
            optimizer=single.subject.optimizer,
            loss=repeatable(loss),
            batch=single.batch,
            step=step,
            step_on=lambda i, batch: float(single.step_on(i, batch)),
            steps=size.steps,
            roles={t.name: t.role for t in trial.plan.tensors},
            installed={t.name: installed_factor(trial.plan, t.name) for t in trial.plan.tensors},
            notes=(frozen,) if frozen else (),
        )

    parameterization = recipe.parameterization
    rate = recipe.optimizer.lr
    return Proxies(
        name, factory.rungs, factory.base, train, parameterization, run, rate, recipe.schedule.name,
        under=lambda other: proxies_of_recipe(override(recipe, {"parameterization": other}), name),
        family=lambda: factory.family(few_blocks=True),
    )  # fmt: skip


def proxies_of_callable(build: Callable[..., Any], name: str) -> Proxies:
    """What a user's callable builds, trained for a few steps with its own optimizer.

    Args:
        build: Called with `width`, and with `depth` and `seed` where it takes them.
        name: As the user named it.
    """
    build_subject = subject_builder(build, name)
    counts: dict[int, int] = {}  # parameters, and the width that has so many

    def train(size: Size, seed: int, hyperparameters: Mapping[str, float]) -> Trainee:
        if hyperparameters:
            raise InputError(f"{name}: hyperparameters of a callable cannot be replaced")
        subject = build_subject(size.width, seed)
        if subject.optimizer is None:
            raise InputError(
                f"{name} returns no optimizer; return Subject(model, optimizer, loss, batch), or "
                f"give a recipe: mutransfer init --model {name}"
            )
        count = sum(p.numel() for p in subject.model.parameters())
        other = counts.setdefault(count, size.width)
        if other != size.width:
            raise InputError(
                f"{name} builds {count} parameters at width {other} and at {size.width}: its sizes "
                "must grow with the argument `width`"
            )
        return trainee_of_subject(subject, name, seed)

    sizes = tuple(Size(width, 1, 1, CALLABLE_STEPS) for width in DEFAULT_WIDTHS)
    ends = sizes[0].width, sizes[-1].width
    family = cache(lambda: traced_family(build_subject, *ends))
    return Proxies(name, sizes, sizes[0], train, None, family=family)


def trainee_of_subject(subject: Subject, name: str, seed: int) -> Trainee:
    """A user's model with its own optimizer, at constant learning rates.

    Args:
        subject: Model, optimizer, loss and batches.
        name: As the user named it.
        seed: Seed of its batches.
    """
    loss, batch = subject.loss, subject.batch
    assert loss is not None and batch is not None
    require_descent(subject.optimizer)
    subject.model.train()

    def step_on(i: int, examples: Any) -> float:
        def optimize() -> Tensor:
            value = loss(subject.model, examples)
            if not value.requires_grad:
                raise InputError(f"{name}: {NO_GRADIENT}")
            subject.optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
            if i == 0:
                check_slope(subject.model, name)
            subject.optimizer.step()
            return value.detach()

        return float(run_user_code(optimize, f"{name}: step {i + 1}"))

    frozen = random_parts(subject.model)
    length = (
        f"trained for {CALLABLE_STEPS} steps at most; a recipe has widths, steps and a learning "
        f"rate to set: mutransfer init --model {name}"
    )
    return Trainee(
        model=subject.model,
        optimizer=subject.optimizer,
        loss=repeatable(loss),
        batch=lambda i: batch(seed * SEED_STRIDE + i),
        step=lambda i: step_on(i, batch(seed * SEED_STRIDE + i)),
        step_on=step_on,
        steps=CALLABLE_STEPS,
        roles={},
        notes=(length, *((frozen,) if frozen else ())),
    )
