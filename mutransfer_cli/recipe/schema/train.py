"""Section `train`: the user's own training program."""

from __future__ import annotations

import re

from pydantic import model_validator

from mutransfer_cli.catalog.fields import Positive, Section, Text, refuse


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
        return self


class Train(Section):
    """The user's own training program instead of the built-in one."""

    command: Text
    """Split into words and run without a shell, in the folder where the sweep was started.

    Filled in: {plan} (a file with the trial's plan), {out} (a folder of the trial), {width},
    {depth}, {batch}, {steps}, {seed}, {device} (of --device), {python} (the one that runs
    mutransfer), and every hyperparameter, such as {lr}."""
    loss: Loss
    """Where its loss is read from."""
    slots: Positive = 1
    """How many trials run at a time."""
