"""The protocol of a target stack: requests, and the configurations that answer them.

A stack is one module in `emit/stacks/` with a `STACK`, and one row in `catalog/stacks.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from mutransfer_cli.documents.scale import Deviation, ScaleDocument
from mutransfer_cli.emit.core.abc_symmetry import Numbers
from mutransfer_cli.emit.core.decoder import Decoder, decoder_of
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size


@dataclass(frozen=True, slots=True)
class ScheduleSteps:
    """The recipe's schedule at the target, where warmup and decay keep their shares of the run.

    Attributes:
        name: Name of the schedule, as in the recipe.
        warmup: Number of steps in which the rate rises.
        decay: Number of steps in which the rate falls.
        final: The final rate as a share of the peak.
    """

    name: str
    warmup: int
    decay: int
    final: float


@dataclass(frozen=True)
class EmitRequest:
    """One configuration to write.

    Attributes:
        format: Name of the target stack.
        plan: The target's plan.
        recipe: The recipe of the plan, with the fitted optima and overrides applied.
        size: The target's size.
        allow_deviations: Whether to write a plan of which the stack cannot hold the core.
    """

    format: str
    plan: Plan
    recipe: Recipe
    size: Size
    allow_deviations: bool = False

    @cached_property
    def hf_config(self) -> Any:
        """The Hugging Face config at the target; None for other models."""
        if not self.recipe.model.build.startswith("hf:"):
            return None
        from mutransfer_cli.models.huggingface.scaled_config import config_at

        return config_at(self.recipe, self.size)

    @cached_property
    def decoder(self) -> Decoder:
        """The plan as a decoder.

        Raises:
            NotADecoder: The model is not a decoder.
        """
        return decoder_of(self.plan, self.recipe, self.hf_config)

    @cached_property
    def schedule(self) -> ScheduleSteps:
        """The schedule at the target."""
        s, steps = self.recipe.schedule, self.plan.target["steps"]
        warmup = round(s.warmup * steps)
        if s.name == "constant":
            return ScheduleSteps(s.name, warmup, 0, 1.0)
        decay = round(s.decay * steps) if s.name == "wsd" else steps - warmup
        return ScheduleSteps(s.name, warmup, decay, s.final)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedConfig:
    """The numbers with which the stack will train.

    Attributes:
        planned: The planned numbers of every tensor, including the product of its multipliers.
        actual: The numbers of the tensors that the stack has.
        attention_scale: Scale of q·k; None if the plan does not set it.
        settings: Further values for the file.
        deviations: Deviations that do not follow from comparing `planned` with `actual`.
        notes: Sentences for the reader of the configuration.
        remedies: What makes a number as planned, or what it is then, by quantity (lr, init_std,
            weight_decay, eps) and tensor.
        tied_logits: Multiplier on the logits of a tied embedding; None without one.
    """

    planned: Mapping[str, Numbers]
    actual: Mapping[str, Numbers]
    attention_scale: float | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()
    notes: tuple[str, ...] = ()
    remedies: Mapping[tuple[str, str], str] = field(default_factory=dict)
    tied_logits: float | None = None


class Key(NamedTuple):
    """A key of a file, and the number that is written there.

    Attributes:
        name: The key as a reader finds it in the file, with the keys above it where that helps.
        value: The number; None where the key holds something else.
    """

    name: str
    value: float | None


def no_keys(
    request: EmitRequest, resolved: ResolvedConfig, tensor: TensorPlan | None
) -> Mapping[str, Key]:
    """The keys of a stack that does not say which they are."""
    return {}


@dataclass(frozen=True, slots=True)
class Stack:
    """A target stack; its row in the catalog says what it can express of a plan.

    Attributes:
        resolve: Chooses the values for the stack, and returns the numbers that result.
        render: Takes the request, the resolved configuration and the document with all
            deviations, whose `header_lines` it writes as comments; returns the text of each file
            by name, the main one first.
        keys: Takes the request, the resolved configuration and a tensor; returns the keys that
            carry its lr, weight_decay, eps, init_std and multiplier. Without a tensor, those of
            attention_scale, clip and further multipliers of the forward pass. What has no key is
            decided by the stack.
    """

    resolve: Callable[[EmitRequest], ResolvedConfig]
    render: Callable[[EmitRequest, ResolvedConfig, ScaleDocument], dict[str, str]]
    keys: Callable[[EmitRequest, ResolvedConfig, TensorPlan | None], Mapping[str, Key]] = no_keys
