"""Checks a user's callable; implements `mutransfer_cli.check`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.coordcheck.callable_expectations import (
    DEFAULT_OPTIMIZER,
    expectations,
    unjudged_tensors,
)
from mutransfer_cli.coordcheck.check_request import CheckRequest, request_options
from mutransfer_cli.coordcheck.measure.optimizer.optimizer_kind import (
    foreign_tensors,
    unread_keys,
    update_geometries,
)
from mutransfer_cli.coordcheck.measure.optimizer.scale_convention import measured_convention
from mutransfer_cli.coordcheck.measure.recorder import uncompiled
from mutransfer_cli.coordcheck.measure.training_step import (
    BuildSubject,
    warmed_up_subject,
)
from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.static_audit import audit
from mutransfer_cli.coordcheck.verdict.activations.attention_scale import attention_faults
from mutransfer_cli.coordcheck.width_check import run_width_check
from mutransfer_cli.data.sliced_batch import is_dense
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.callable_plan import plan as plan_callable
from mutransfer_cli.models.checked_subject import checked
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import accepted_arguments, call_builder, run_user_code
from mutransfer_cli.parameterization.rules.used_patterns import (
    SizedModel,
    require_used,
    role_selectors,
)
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.tracing.family import Family, family_of

Build = Callable[..., nn.Module | Subject]

DEFAULT_WIDTHS = (64, 128, 256)
DEFAULT_EXPECTATION = "mup"
DEFAULT_DEPTH = 2  # for callables that take a depth


def check(
    build: Build,
    widths: Sequence[int] | None = None,
    *,
    expect: str | None = None,
    name: str = "build",
    roles: Sequence[tuple[str, str]] = (),
    **options: Any,
) -> CheckReport:
    """Check a callable `build(width, ...)` that returns a module or a Subject.

    A Subject with an optimizer is measured as it is. Without one, our parameterization is applied
    with default hyperparameters.

    Args:
        build: Called with `width`, and with `depth` and `seed` where it takes them.
        widths: At least three widths over a ratio of four; None: 64, 128 and 256.
        expect: The parameterization to compare with; None: mup.
        name: The callable's name in messages.
        roles: Ordered pairs of a pattern of tensor names and a role, for tensors whose use does
            not tell it.
        options: `static` (read only the optimizer's groups, without a step), `seeds`,
            `most_seeds`, `steps`, `first_seed`, `strict` (warnings fail).

    Raises:
        InputError: The callable cannot be called, planned or trained, or an option is unknown.
    """
    static = bool(options.pop("static", False))
    request = callable_request(build, widths, expect, name, roles, **options)
    return audit(request) if static else run_width_check(request)


def require_parameterization(name: str) -> str:
    """Return the name if it is that of a parameterization.

    Raises:
        InputError: There is no such parameterization.
    """
    if name not in PARAMETERIZATIONS:
        raise InputError(f"--expect: {PARAMETERIZATIONS.unknown(name)}")
    return name


def callable_request(
    build: Build,
    widths: Sequence[int] | None,
    expect: str | None,
    name: str,
    roles: Sequence[tuple[str, str]] = (),
    **options: Any,
) -> CheckRequest:
    """The request for a check of a callable.

    Args:
        build: See `check`.
        widths: Widths to train; None: 64, 128 and 256.
        expect: The parameterization to compare with; None: mup.
        name: The callable's name in messages.
        roles: Pairs of a pattern of tensor names and a role.
        options: Fields of `CheckRequest`.

    Raises:
        InputError: The callable cannot be called, planned or trained, or an option is unknown.
    """
    fields = request_options(options)
    all_widths = tuple(sorted(set(widths or DEFAULT_WIDTHS)))
    parameterization = require_parameterization(expect or DEFAULT_EXPECTATION)
    if not accepted_arguments(build, {"width": 0}):
        raise InputError(f"{name} takes no argument `width`; expected {name}(width, ...)")
    build_subject = subject_builder(build, name)
    with uncompiled():
        family = traced_family(build_subject, all_widths[0], all_widths[-1], roles)
    if build_subject(all_widths[0], 0).optimizer is None:
        trained = planned_builder(build, build_subject, all_widths[0], parameterization, roles)
        expected = expectations(family, parameterization, {})
        return CheckRequest(
            trained,
            expected,
            parameterization,
            all_widths,
            unjudged=unjudged_tensors(family),
            **fields,
        )
    fresh = partial(warmed_up_subject, build_subject, seed=0)
    geometries = update_geometries(lambda: fresh(all_widths[0]))
    spectral = [name for name, geometry in geometries.items() if geometry.spectral]
    convention, scale_note = None, ""
    if spectral:
        ends = (all_widths[0], all_widths[-1])
        convention, scale_note = measured_convention(fresh, ends, spectral)
    return CheckRequest(
        build_subject,
        expectations(family, parameterization, geometries, convention),
        parameterization,
        all_widths,
        faults=attention_faults(family, parameterization),
        hints=unread_keys(build_subject(all_widths[-1], 0).optimizer),
        notes=(
            *foreign_tensors(build_subject(all_widths[0], 0)),
            *([scale_note] if scale_note else []),
        ),
        unjudged=unjudged_tensors(family),
        **fields,
    )


def subject_builder(build: Build, name: str) -> BuildSubject:
    """Return a function that calls a user's callable with a width and a seed."""

    def build_subject(width: int, seed: int) -> Subject:
        sizes = {"depth": DEFAULT_DEPTH, "width": width}
        subject = call_builder(build, name, {}, sizes, seed, key=())
        if subject.batch is None or subject.loss is None:
            raise InputError(
                f"{name} gives no loss and batch; return mutransfer_cli.Subject(model, "
                "optimizer, loss, batch) from it, or check a recipe that names its data "
                f"(mutransfer init --model {name})"
            )
        return checked(subject, name, key=())

    return build_subject


def traced_family(
    build_subject: BuildSubject, small: int, large: int, roles: Sequence[tuple[str, str]] = ()
) -> Family:
    """Trace the model at two widths to find roles and growing dimensions.

    Args:
        build_subject: Calls the callable with a width and a seed.
        small: The smaller width.
        large: The larger width.
        roles: Pairs of a pattern of tensor names and a role.

    Raises:
        InputError: A pattern of `roles` matches no tensor.
    """

    def traceable(width: int) -> tuple[nn.Module, Callable[[], object]]:
        subject = build_subject(width, 0)
        assert subject.batch is not None and subject.loss is not None
        # all of it, since experts need many tokens; contiguous, since models call view
        batch = tree_map_only(Tensor, contiguous, subject.batch(0))
        loss = subject.loss
        subject.model.eval()
        run = partial(run_user_code, lambda: loss(subject.model, batch), f"loss at width {width}")
        return subject.model, run

    family = family_of(traceable(small), traceable(large), roles)
    model = SizedModel(f"width {small}", {t.name: t.role for t in family.tensors})
    require_used(list(role_selectors(roles)), model, model)
    return family


def contiguous(tensor: Tensor) -> Tensor:
    """A tensor in the order of its entries; a sparse one as it is."""
    return tensor.contiguous() if is_dense(tensor) else tensor


def planned_builder(
    build: Build,
    build_subject: BuildSubject,
    base: int,
    parameterization: str,
    roles: Sequence[tuple[str, str]] = (),
) -> BuildSubject:
    """Return a function that applies our parameterization to the user's model.

    Args:
        build: The user's callable.
        build_subject: Calls the callable with a width and a seed.
        base: The width at which the defaults are quoted.
        parameterization: The name of the parameterization.
        roles: Pairs of a pattern of tensor names and a role.
    """
    example = build_subject(base, 0)
    assert example.batch is not None
    batch = example.batch(0)

    @cache
    def plan_at(width: int) -> Plan:
        return plan_callable(
            build,
            base={"width": base},
            target={"width": width},
            optimizer={"name": DEFAULT_OPTIMIZER},
            parameterization=parameterization,
            batch=batch,
            loss=example.loss,
            roles=roles,
        )

    def planned(width: int, seed: int) -> Subject:
        subject = build_subject(width, seed)
        plan = plan_at(width)
        plan.initialize(subject.model, seed)
        plan.install(subject.model)
        return replace(subject, optimizer=plan.optimizers(subject.model)[0])

    return planned
