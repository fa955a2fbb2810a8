"""What a target stack says of itself, and what an emitter takes and returns.

A further stack is one module with a `STACK`, and one line in formats.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mutransfer_cli.documents.scale import Deviation, ScaleDocument
from mutransfer_cli.emit.core.abc_symmetry import Numbers
from mutransfer_cli.emit.core.decoder import Transformer, transformer_of
from mutransfer_cli.plans.loading import plan_of
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a stack can express. `scales`: who multiplies by powers of the width, it or we."""

    scales: str = "we"  # we: final values are emitted; stack: base values and the width at the base
    embedding_multiplier: bool = True
    logit_multiplier: bool = True
    residual_multiplier: bool = True
    attention_scale: bool = True
    group_lr: bool = True
    group_weight_decay: bool = True
    group_eps: bool = True
    role_init: bool = True
    tied: str = "either"  # either | always | never
    clipping: bool = True
    absorb: bool = False  # whether multipliers trade with init, rate, epsilon and decay
    optimizers: tuple[str, ...] = ()  # (): every one
    parameterizations: tuple[str, ...] = ("mup", "completep", "sp", "ntk", "mean-field")


@dataclass(frozen=True)
class Job:
    """One configuration to write: the document without deviations, and what made it."""

    document: ScaleDocument
    recipe: Recipe
    size: Size

    @cached_property
    def plan(self) -> Plan:
        return plan_of(self.document)

    @cached_property
    def config(self) -> Any:
        """The Hugging Face config at the target; None for other models."""
        if not self.recipe.model.build.startswith("hf:"):
            return None
        from mutransfer_cli.models.huggingface.scaled_config import config_at

        return config_at(self.recipe, self.size)

    @cached_property
    def transformer(self) -> Transformer:
        """The plan seen as a decoder. Raises InputError where it is none."""
        return transformer_of(self.document.format, self.plan, self.recipe, self.config)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the stack will do: the numbers of every tensor, and what is put into the file."""

    wanted: Mapping[str, Numbers]  # multipliers included
    tensors: Mapping[str, Numbers]  # those that the stack has
    attention_scale: float | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()  # beside those of the numbers
    notes: tuple[str, ...] = ()
    tied_logits: float | None = None  # multiplier of a tied tensor as the readout


Settle = Callable[[Job], Outcome]
Write = Callable[[Job, Outcome, Sequence[str]], dict[str, str]]  # by file name, the main one first


@dataclass(frozen=True, slots=True)
class Stack:
    """A target stack. `write` gets the lines of the head, which are to be comments."""

    can: Capabilities
    settle: Settle
    write: Write
