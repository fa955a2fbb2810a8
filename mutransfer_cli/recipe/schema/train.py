"""Section `train`: how the proxies are trained, by the built-in loop or the user's own program."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import model_validator

from mutransfer_cli.catalog.fields import Number, Positive, Section, Switch, Text, refuse

Precision: TypeAlias = Literal["float32", "bf16-autocast", "bf16"]


class Loss(Section):
    """Where the loss of the user's program is read from."""

    file: Text | None = None
    """JSON, JSON-lines or CSV file that the program writes, such as {out}/loss.json; relative paths
    start at {out}."""
    key: Text | None = None
    """Key or column of the loss in that file; a.b stands for b inside a. In a list (lines, rows,
    log_history.eval_loss of Trainer) the last entry that has it counts; a.-1.b takes one by its
    index."""
    regex: Text | None = None
    """Pattern with one group; its last match in a line of the program's output counts."""
    maximize: Switch = False
    """The program's number is better where it is higher, such as an accuracy or a reward."""
    best: Number | None = None
    """Highest value that a maximized number can take: the loss is best - number, such as
    1 - accuracy; null: none is known, and the loss is -number."""

    @model_validator(mode="after")
    def _one_place(self) -> Loss:
        if (self.regex is None) == (self.file is None) or (self.key is None) != (self.file is None):
            raise refuse("give {file: ..., key: ...} or {regex: ...}")
        if self.regex is not None:
            try:
                groups = re.compile(self.regex).groups
            except re.error as error:
                raise refuse(f"regex is not a pattern: {error}") from None
            if groups != 1:
                raise refuse(f"regex needs exactly one group, found {groups}")
        if self.best is not None and not self.maximize:
            raise refuse("best belongs to maximize: true")
        return self

    @property
    def meaning(self) -> str | None:
        """What a loss is where the program's number is maximized; None: it is that number."""
        if not self.maximize:
            return None
        number = self.key or "the program's number"
        return f"a loss is {f'-{number}' if self.best is None else f'{self.best:g} - {number}'}"

    def of(self, number: float) -> float:
        """The loss of a number that the program reports.

        Args:
            number: What the program reports; not finite if it diverged.
        """
        return (self.best or 0.0) - number if self.maximize else number


@dataclass(frozen=True, slots=True)
class Program:
    """The user's own training program; its fields are those of `Train`.

    Attributes:
        command: Program and arguments, with placeholders.
        loss: Where its loss is read from.
        slots: How many trials run at a time.
    """

    command: str
    loss: Loss
    slots: int


class Train(Section):
    """Training as in the large run, or by the user's own program."""

    precision: Precision = "float32"
    """bf16-autocast: float32 parameters under torch.autocast; bf16: parameters, buffers and batches
    in bfloat16."""
    accumulate: Positive = 1
    """Parts of a batch whose gradients are averaged before a step."""
    command: Text | None = None
    """The user's own training program instead of the built-in one.

    Split into words and run without a shell, in the folder where the sweep was started.

    Filled in: {plan} (a file with the trial's plan), {out} (a folder of the trial), {width},
    {depth}, {batch}, {steps}, {seed}, {device} (of --device), {python} (the one that runs
    mutransfer), and every hyperparameter, such as {lr}."""
    loss: Loss | None = None
    """Where the loss of command is read from."""
    slots: Positive = 1
    """How many trials of command run at a time."""

    @property
    def program(self) -> Program | None:
        """The user's own program; None: the built-in loop trains."""
        if self.command is None or self.loss is None:
            return None
        return Program(self.command, self.loss, self.slots)
