"""The protocol of a target stack: what it is asked for, and what it makes of it.

A stack is one module in `emit/stacks/` with a `STACK`, and one row in `catalog/stacks.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mutransfer_cli.documents.scale import Deviation, ScaleDocument
from mutransfer_cli.emit.core.abc_symmetry import Numbers
from mutransfer_cli.emit.core.decoder import Decoder, decoder_of
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size


@dataclass(frozen=True, slots=True)
class ScheduleSteps:
    """The recipe's schedule at the target, where warmup and decay keep their shares of the run.

    Attributes:
        name: As in the recipe.
        warmup: Steps in which the rate rises.
        decay: Steps in which it falls.
        final: The last rate, as a share of the peak.
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
        recipe: What the plan was made from, with fitted optima and options put into it.
        size: The target's size.
    """

    format: str
    plan: Plan
    recipe: Recipe
    size: Size

    @cached_property
    def hf_config(self) -> Any:
        """The Hugging Face config at the target; None for other models."""
        if not self.recipe.model.build.startswith("hf:"):
            return None
        from mutransfer_cli.models.huggingface.scaled_config import config_at

        return config_at(self.recipe, self.size)

    @cached_property
    def decoder(self) -> Decoder:
        """The plan seen as a decoder.

        Raises:
            NotADecoder: It is none.
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
    """What the stack will train with.

    Attributes:
        planned: The plan's numbers of every tensor, the total of its multipliers included.
        actual: The numbers of the tensors that the stack has.
        attention_scale: What multiplies q·k; None where the plan does not set it.
        settings: Further values for the file.
        deviations: Those that do not follow from comparing `planned` with `actual`.
        notes: Sentences for the reader of the configuration.
        tied_logits: What multiplies the logits of a tied embedding; None without one.
    """

    planned: Mapping[str, Numbers]
    actual: Mapping[str, Numbers]
    attention_scale: float | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()
    notes: tuple[str, ...] = ()
    tied_logits: float | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """A target stack; what it can express of a plan is said by its row in the catalog.

    Attributes:
        resolve: Chooses the values that the stack is given, and says what it will make of them.
        render: Gets a request, what it resolved to and the document with all deviations, whose
            `header_lines` are to be comments; returns the text of each file by its name, the main
            one first.
    """

    resolve: Callable[[EmitRequest], ResolvedConfig]
    render: Callable[[EmitRequest, ResolvedConfig, ScaleDocument], dict[str, str]]
