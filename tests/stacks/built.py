"""What an adapter takes, the files that `scale` wrote, and what it makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from mutransfer_cli import Plan
from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.models.builder import build
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from tests.stacks.cases import StackCase


@dataclass(frozen=True)
class Emitted:
    """The files of one format for one recipe.

    Attributes:
        format: Name of the format.
        folder: The folder with the files.
        files: Their texts by name, the main one first.
        document: The document of `scale`, with deviations.
        plan: The plan that `load_plan` reads from the format json.
        recipe: The recipe.
        case: The case.
        size: The target's size.
    """

    format: str
    folder: Path
    files: Mapping[str, str]
    document: ScaleDocument
    plan: Plan
    recipe: Recipe
    case: StackCase
    size: Size

    def main_file(self) -> Path:
        """The path of the main file."""
        return self.folder / next(iter(self.files))

    def user_model(self) -> nn.Module:
        """The proxies' own model at the target's size, without init or multipliers."""
        return build(self.recipe, self.size).model


def whole(parameter: Tensor) -> Tensor:
    """The tensor itself; of one sharded over a single process its only shard."""
    return parameter.to_local() if isinstance(parameter, DTensor) else parameter


@dataclass(frozen=True)
class Piece:
    """A tensor of the plan, or rows of it, inside a parameter of the stack.

    Attributes:
        name: Name of the plan's tensor.
        parameter: Name of the stack's parameter.
        rows: The parameter's rows that hold the tensor, in the tensor's order; None: all.
        source: The rows of the plan's tensor that they hold; None: all.
    """

    name: str
    parameter: str
    rows: Tensor | None = None
    source: Tensor | None = None

    def of_stack(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """The stack's values, in the order of the plan's tensor."""
        value = whole(parameters[self.parameter]).detach()
        return value if self.rows is None else value[self.rows]

    @torch.no_grad()
    def copy(self, value: Tensor, parameters: Mapping[str, Tensor]) -> None:
        """Put the values of the plan's tensor into the stack's parameter."""
        parameter = whole(parameters[self.parameter])
        value = value if self.source is None else value[self.source]
        if self.rows is None:
            parameter.copy_(value)
        else:
            parameter[self.rows] = value.to(parameter.dtype)


@dataclass(frozen=True)
class GroupNumbers:
    """What a stack's optimizer does with a parameter at the peak of the schedule.

    Attributes:
        lr: Learning rate; Muon's in the convention of torch's class (`original`).
        weight_decay: Decoupled decay: a step shrinks weights by the share lr × weight_decay.
        eps: Epsilon; None: the optimizer has none.
        optimizer: `muon` where the stack trains the parameter with it.
    """

    lr: float
    weight_decay: float
    eps: float | None
    optimizer: str = "adamw"


@dataclass(frozen=True)
class Curve:
    """A stack's own training.

    Attributes:
        losses: The loss of every step, before the step is taken.
        shares: The learning rate of every step as a share of the peak.
    """

    losses: Sequence[float]
    shares: Sequence[float]


@dataclass
class BuiltStack:
    """The model and the optimizer that the stack's own code makes of an emitted file.

    Attributes:
        model: The stack's model, initialized by the stack or by the file.
        pieces: Where the plan's tensors are in it.
        train: Trains on batches of tokens (batch × length + 1) with the stack's own loop,
            optimizer and schedule.
        optimizers: The optimizers, whose groups hold the numbers of each parameter.
        multipliers: By tensor of the plan: the product of what multiplies its output, as the
            stack's model has it; tensors that are not named have 1.
        attention_scale: What q·k is multiplied by.
        tied_logits: What multiplies the logits of a tied embedding.
        clip: The gradient norm at which the stack clips; None: it does not.
        numbers: By parameter, where the groups do not show the numbers themselves.
        stack_only: Parameters of the stack that no tensor of the plan stands for.
    """

    model: nn.Module
    pieces: Sequence[Piece]
    train: Callable[[BuiltStack, Sequence[Tensor]], Curve]
    optimizers: Sequence[Optimizer] = ()
    multipliers: Mapping[str, float] = field(default_factory=dict)
    attention_scale: float | None = None
    tied_logits: float | None = None
    clip: float | None = None
    numbers: Mapping[str, GroupNumbers] | None = None
    stack_only: Sequence[str] = ()
    extra: dict[str, Any] = field(default_factory=dict)


class Adapter(Protocol):
    """One stack: parses the emitted file by the stack's classes, and builds model and optimizer."""

    def __call__(self, emitted: Emitted) -> BuiltStack:
        """Build what the stack trains."""


def same_names(model: nn.Module) -> list[Piece]:
    """The pieces of a model whose parameters have the names of the plan."""
    return [Piece(name, name) for name, _ in model.named_parameters()]
