"""What `check` is asked about: a recipe, a user's callable, or a callable in the user's program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mutransfer_cli.check.audit import audit
from mutransfer_cli.check.check import Question, run_check
from mutransfer_cli.check.depth import run_depth_check
from mutransfer_cli.check.expectation import Expectation, expectation
from mutransfer_cli.check.measure import Make, shrink
from mutransfer_cli.check.reading import attention_fault, update_family
from mutransfer_cli.check.record import uncompiled
from mutransfer_cli.check.report import CheckReport
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.build import accepted, call_builder, import_callable
from mutransfer_cli.models.build import build as build_recipe
from mutransfer_cli.models.library import plan as library_plan
from mutransfer_cli.models.planned import completed, family_for, proxy, trainable
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.recipe.size import Size, base_size
from mutransfer_cli.recipe.sizes import depth_fault, width_fault
from mutransfer_cli.rules.blocks import blocks_of
from mutransfer_cli.rules.derivation import GEOMETRY
from mutransfer_cli.rules.shapes import Family, family_of, shapes_of, skeleton
from mutransfer_cli.rules.table import PARAMETERIZATIONS
from mutransfer_cli.rules.tensor import trained_by

SMALLEST = 64  # width of the narrowest model, where it can be chosen
DEFAULT_WIDTHS = (64, 128, 256)


def check_target(
    target: str,
    *,
    sets: Sequence[str] = (),
    widths: Sequence[int] | None = None,
    expect: str | None = None,
    device: str = "cpu",
    threads: int = 1,
    axis: str = "width",
    depths: Sequence[int] | None = None,
    **options: Any,
) -> CheckReport:
    """Check a recipe's path or `package.module:callable`.

    Raises InputError for anything that cannot be built, run or planned.
    """
    if device not in {"cpu", "auto"}:
        raise InputError(f"--device {device}: the check runs on the CPU; expected cpu")
    torch.set_num_threads(threads)
    if axis == "depth":
        if ":" in target and not target.endswith((".yaml", ".yml")):
            raise InputError(
                "--axis depth: needs a recipe that says what the depth is: mutransfer init "
                f"--model {target}"
            )
        return depth_question(
            load(Path(target), sets).recipe,
            depths,
            options.get("seeds", 3),
            options.get("steps", 3),
            options.get("seed", 0),
        )
    if ":" in target and not target.endswith((".yaml", ".yml")):
        if sets:
            raise InputError("--set: there is no recipe to change; give a recipe instead")
        return check(
            import_callable(target, "check"), widths, expect=expect, name=target, **options
        )
    if "seed" in options:
        options["first_seed"] = options.pop("seed")
    recipe = load(Path(target), sets).recipe
    subject = build_recipe(recipe, base_size(recipe))
    if subject.optimizer is not None:
        builder = import_callable(recipe.model.build)
        held = expect or recipe.parameterization
        return check(builder, widths, expect=held, name=recipe.model.build, **options)
    static = bool(options.pop("static", False))
    return answered(question_of(recipe, widths, expect, **options), static)


def question_of(
    recipe: Recipe, widths: Sequence[int] | None, expect: str | None, **options: Any
) -> Question:
    """A recipe's question: our plan at every width, held against its own parameterization."""
    trainable(recipe)
    base = base_size(recipe)
    first = base.width * ceil(SMALLEST / base.width)
    sizes = tuple(sorted(set(widths))) if widths else (first, 2 * first, 4 * first)
    for width in sizes:
        fault = width_fault(recipe, width)
        if fault:
            raise InputError(f"--widths: {fault}")

    def make(width: int, seed: int) -> Subject:
        subject = proxy(recipe, Size(width, base.depth, base.batch, base.steps), seed)
        return completed(recipe, subject)

    parameterization = known(expect or recipe.parameterization)
    optimizer = recipe.optimizer.name
    independent = recipe.rules.weight_decay == "independent"
    family = family_for(recipe)
    expected = {
        t.name: expectation(
            t,
            parameterization,
            trained_by(t, optimizer),
            independent,
            recipe.rules.alignment,
            family.tied,
        )
        for t in family.tensors
        if t.role != "fixed"
    }
    scale_free = GEOMETRY[optimizer] != "gradient"
    return Question(make, expected, parameterization, sizes, scale_free, **options)


def answered(question: Question, static: bool) -> CheckReport:
    """By measurement, or by reading the optimizer's groups alone."""
    q = question
    if not static:
        return run_check(q)
    return audit(
        q.make,
        q.expected,
        q.parameterization,
        q.widths,
        gradient=not q.scale_free,
        strict=q.strict,
    )


def depth_question(
    recipe: Recipe, depths: Sequence[int] | None, seeds: int, steps: int, first_seed: int
) -> CheckReport:
    """A recipe's model at several depths of the base's width."""
    trainable(recipe)
    base = base_size(recipe)
    sizes = tuple(sorted(set(depths or tuple(base.depth * k for k in (1, 2, 4, 8)))))
    for depth in sizes:
        fault = depth_fault(recipe, depth)
        if fault:
            raise InputError(f"--depths: {fault}")

    def make(depth: int, seed: int) -> Subject:
        subject = proxy(recipe, Size(base.width, depth, base.batch, base.steps), seed)
        return completed(recipe, subject)

    small, large = (
        skeleton(lambda d=d: build_recipe(recipe, replace(base, depth=d)).model)  # type: ignore[misc]
        for d in (sizes[0], sizes[-1])
    )
    blocks = blocks_of(shapes_of(small).keys(), shapes_of(large).keys())
    return run_depth_check(
        make,
        blocks,
        sizes,
        parameterization=recipe.parameterization,
        alpha=0.5 if recipe.parameterization == "umup" else recipe.rules.depth_alpha,
        seeds=seeds,
        steps=steps,
        first_seed=first_seed,
    )


def known(parameterization: str) -> str:
    if parameterization not in PARAMETERIZATIONS:
        raise InputError(
            f"--expect {parameterization}: expected one of {', '.join(PARAMETERIZATIONS)}"
        )
    return parameterization


def check(
    build: Callable[..., nn.Module | Subject],
    widths: Sequence[int] | None = None,
    *,
    expect: str | None = None,
    name: str = "build",
    **options: Any,
) -> CheckReport:
    """Check a user's callable: build(width, ...) -> module or Subject.

    widths: at least three over a ratio of four. With an optimizer in the Subject its own
    parameterization is measured as it is; without, ours at its defaults is applied. options:
    seeds, most_seeds, steps, first_seed, strict. Raises InputError where it cannot be run.
    """
    if "seed" in options:
        options["first_seed"] = options.pop("seed")
    sizes = tuple(sorted(set(widths or DEFAULT_WIDTHS)))
    parameterization = known(expect or "mup")

    def made(width: int, seed: int) -> Subject:
        subject = call_builder(build, name, {}, {"depth": 2, "width": width}, seed)
        if subject.batch is None or subject.loss is None:
            raise InputError(
                f"check: {name} gives no loss and batch; return mutransfer_cli.Subject(model, "
                "optimizer, loss, batch) from it, or check a recipe that names its data "
                f"(mutransfer init --model {name})"
            )
        return subject

    if not accepted(build, {"width": 0}):
        raise InputError(f"check: {name} takes no argument `width`; expected {name}(width, ...)")
    with uncompiled():
        family = traced(made, sizes[0], sizes[-1])
    own = made(sizes[0], 0).optimizer
    static: tuple[str, ...] = ()
    if own is not None:
        kind = update_family(own)
        static = attention_fault(family, parameterization)
        make: Make = made
    else:
        kind = "adam"
        make = planned(build, made, sizes[0], parameterization)
    expected: dict[str, Expectation] = {
        t.name: expectation(t, parameterization, kind, tied=family.tied)
        for t in family.tensors
        if t.role != "fixed"
    }
    audited = bool(options.pop("static", False))
    question = Question(
        make, expected, parameterization, sizes, kind == "adam", static=static, **replaced(options)
    )
    return answered(question, audited)


def replaced(options: dict[str, Any]) -> dict[str, Any]:
    allowed = {"seeds", "most_seeds", "steps", "first_seed", "strict"}
    for key in options:
        if key not in allowed:
            raise InputError(f"check: unknown option {key!r}; known: {', '.join(sorted(allowed))}")
    return options


def traced(made: Callable[[int, int], Subject], small: int, large: int) -> Family:
    def one(width: int) -> tuple[nn.Module, Callable[[], object]]:
        subject = made(width, 0)
        assert subject.batch is not None and subject.loss is not None
        batch, loss = shrink(subject.batch(0)), subject.loss
        subject.model.eval()
        return subject.model, lambda: loss(subject.model, batch)

    return family_of(one(small), one(large))


def planned(
    build: Callable[..., nn.Module | Subject],
    made: Callable[[int, int], Subject],
    base: int,
    parameterization: str,
) -> Make:
    """Our parameterization at its defaults on the user's own model."""
    example = made(base, 0)
    assert example.batch is not None

    def make(width: int, seed: int) -> Subject:
        subject = made(width, seed)
        assert example.batch is not None
        plan = library_plan(
            build,
            base={"width": base},
            target={"width": width},
            optimizer={"name": "adamw"},
            parameterization=parameterization,
            batch=example.batch(0),
            loss=example.loss,
        )
        plan.initialize(subject.model, seed)
        plan.install(subject.model)
        return replace(subject, optimizer=plan.optimizers(subject.model)[0])

    return make
