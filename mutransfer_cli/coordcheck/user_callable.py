"""What `check` is asked about: a callable of the user's program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from torch import nn

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.coordcheck.measure.optimizer_kind import (
    attention_fault,
    unread_keys,
    update_kinds,
)
from mutransfer_cli.coordcheck.measure.recorder import uncompiled
from mutransfer_cli.coordcheck.measure.width_training import Make, ready, shrink
from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.static_audit import audit
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation, expectation
from mutransfer_cli.coordcheck.width_check import Question, run_check
from mutransfer_cli.documents.check import FaultReport
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.callable_plan import plan as library_plan
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import accepted_arguments, call_builder, run_user_code
from mutransfer_cli.tracing.family import Family, family_of

DEFAULT_WIDTHS = (64, 128, 256)


def known(parameterization: str) -> str:
    if parameterization not in PARAMETERIZATIONS:
        raise InputError(
            f"--expect {parameterization}: expected one of {', '.join(PARAMETERIZATIONS.names)}"
        )
    return parameterization


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
        strict=q.strict,
    )


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

    if not accepted_arguments(build, {"width": 0}):
        raise InputError(f"check: {name} takes no argument `width`; expected {name}(width, ...)")
    with uncompiled():
        family = traced(made, sizes[0], sizes[-1])
    own = made(sizes[0], 0).optimizer
    static: tuple[FaultReport, ...] = ()
    hints: tuple[str, ...] = ()
    if own is not None:
        hints = unread_keys(made(sizes[-1], 0).optimizer)
        kinds = update_kinds(lambda: ready(made, sizes[0], 0))
        static = attention_fault(family, parameterization)
        make: Make = made
    else:
        kinds = {}
        make = planned(build, made, sizes[0], parameterization)
    expected: dict[str, Expectation] = {}
    for t in family.tensors:
        if t.role != "fixed":
            kind = kinds.get(t.name, "adam")
            e = expectation(t, parameterization, kind, tied=family.tied)
            # how a Muon scales its step by the shape is its author's choice: groups do not tell
            expected[t.name] = replace(e, rate=None) if kind == "muon" else e
    audited = bool(options.pop("static", False))
    question = Question(
        make,
        expected,
        parameterization,
        sizes,
        static=static,
        hints=hints,
        **replaced(options),
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
        run = partial(run_user_code, lambda: loss(subject.model, batch), f"loss at width {width}")
        return subject.model, run

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
