"""`mutransfer_cli.plan`: a plan for a user's own callable, without a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError, kind_of
from mutransfer_cli.models.checked_subject import checked_batch
from mutransfer_cli.models.loss import cross_entropy
from mutransfer_cli.models.plan_arguments import EXAMPLE_TOKENS, plan_config, plan_size
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import accepted_arguments, run_user_code
from mutransfer_cli.parameterization.planner import plan_model
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.tracing.blocks import Blocks
from mutransfer_cli.tracing.family import Family, collection_paused, family_of
from mutransfer_cli.tracing.loops import repeated_blocks
from mutransfer_cli.tracing.skeleton import shapes_of, skeleton

Build = Callable[..., nn.Module | Subject]
Loss = Callable[[nn.Module, Any], Any]


def plan(
    build: Build,
    *,
    base: Mapping[str, float],
    target: Mapping[str, float],
    optimizer: Mapping[str, Any],
    parameterization: str = "mup",
    batch: Any = None,
    loss: Loss | None = None,
    **rules: Any,
) -> Plan:
    """Plan the model of `build(width)` at the target, with hyperparameters quoted at the base.

    The model is built and run once at the base and at twice its width, on the CPU; at the target
    it is built on the meta device, without memory for its weights.

    Args:
        build: Called as `build(width)`, with `depth` and `seed` where it has parameters for them;
            returns a `torch.nn.Module` or a `Subject`.
        base: Sizes at which hyperparameters are quoted: `width`, and any of `depth` (2), `batch`
            (16 examples per step) and `steps` (200) or `tokens` (64 count as one example).
        target: Sizes of the model to plan; what is left out is as at the base, save that the
            steps shrink where the batch grows.
        optimizer: As in a recipe: any of `name`, `lr`, `betas`, `eps`, `weight_decay` and
            `momentum`.
        parameterization: Name of the rule table, such as `"mup"`.
        batch: What a forward pass needs; by default the Subject's own batch, else random bytes:
            inputs and targets, int64 of shape (2, 64) each.
        loss: `loss(model, batch)`; by default the Subject's own, else the cross-entropy of the
            model's logits on `batch = (inputs, targets)`.
        **rules: Fields of `models.plan_arguments.PlanRules`, such as `readout`, `weight_decay`,
            `decay`, `epsilon`, `clip`, `lr_factors` or `init` (by default the model's own), and
            `roles`: pairs of a pattern of tensor names and a role.

    Returns:
        A line for every tensor; it can initialize the model, group its parameters and install the
        multipliers.

    Raises:
        InputError: A rule, size or optimizer key is unknown or has a wrong value, the model cannot
            be run on the batch, or there is no sound plan for it; the message is one line.
    """
    config = plan_config(parameterization, optimizer, rules)
    base_size = plan_size(base, None, "base")
    target_size = plan_size(target, base_size, "target")
    if target_size.depth != base_size.depth and not _grows_deeper(build):
        raise InputError("build takes no argument `depth`", path=("target", "depth"))
    family = _family(build, base_size, config.roles, batch, loss)
    model = skeleton(lambda: _built(build, target_size.width, target_size.depth).model)
    return plan_model(family, config, shapes_of(model), base_size.as_dict(), target_size.as_dict())


def _grows_deeper(build: Build) -> bool:
    return callable(build) and bool(accepted_arguments(build, {"depth": 1}))


def _built(build: Build, width: int, depth: int) -> Subject:
    if not callable(build):
        raise InputError(f"plan: build is {kind_of(build)}, expected a callable")
    torch.manual_seed(0)
    options = accepted_arguments(build, {"depth": depth, "seed": 0})
    result = run_user_code(lambda: build(width, **options), f"plan: build({width})")
    subject = result if isinstance(result, Subject) else Subject(result)
    if not isinstance(subject.model, nn.Module):
        raise InputError(
            f"plan: build({width}) returned {kind_of(subject.model)}, expected a torch.nn.Module "
            "or a mutransfer_cli.Subject of one"
        )
    return subject


@collection_paused()
def _family(
    build: Build,
    base: Size,
    roles: Any,
    batch: Any,
    loss: Loss | None,
) -> Family:
    """Trace the model at the base and at twice its width.

    Args:
        build: The user's callable.
        base: Size of the base.
        roles: Pairs of pattern and role.
        batch: The user's own batch, or None.
        loss: The user's own loss, or None.
    """

    def traced(width: int, depth: int = base.depth) -> tuple[nn.Module, Callable[[], object]]:
        subject = _built(build, width, depth)
        subject.model.eval()
        return subject.model, _forward_pass(subject, batch, loss)

    with torch.random.fork_rng(devices=[]):
        small = traced(base.width)
        blocks = Blocks()
        if _grows_deeper(build):
            deeper = skeleton(lambda: _built(build, base.width, 2 * base.depth).model)
            blocks = repeated_blocks(
                small, shapes_of(deeper).keys(), lambda: traced(base.width, 2 * base.depth)
            )
        return family_of(small, traced(2 * base.width), roles, blocks)


def _forward_pass(subject: Subject, batch: Any, loss: Loss | None) -> Callable[[], object]:
    """What runs the model once: on the caller's batch, the subject's, or random bytes."""
    measure = loss or subject.loss or cross_entropy
    example = batch
    if example is None and subject.batch is not None:
        example = checked_batch(subject.batch, "plan: the Subject's batch", ())(0)
    if example is not None:
        return partial(run_user_code, lambda: measure(subject.model, example), "plan: loss")

    def on_random_bytes() -> object:
        try:
            return run_user_code(lambda: measure(subject.model, random_bytes()), "it raised")
        except InputError as error:
            raise InputError(
                f"plan: the model cannot be run on random bytes (int64, {(2, EXAMPLE_TOKENS)}); "
                "pass a sample as batch=(inputs, targets), and loss=f(model, batch) unless it is "
                f"the cross-entropy of logits; {error}"
            ) from error

    return on_random_bytes


def random_bytes() -> tuple[Tensor, Tensor]:
    """Inputs and the token after each, int64 (2, 64) below 256; always the same."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 256, (2, EXAMPLE_TOKENS + 1), generator=generator)
    return tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
