"""Modules of a user whose model does something of its own while it trains."""

from __future__ import annotations

from textwrap import dedent, indent

MODULE = """
import os, pathlib, re, signal, time, torch
class Net(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first, self.last = torch.nn.Linear(8, width), torch.nn.Linear(width, 3)
        self.calls = 0
    def forward(self, x):
        together = torch._C._functorch.is_functorch_wrapped_tensor(self.first.weight)
        self.calls += self.training
LINES
        return self.last(torch.relu(self.first(x)))
def build(width):
    return Net(width)
"""


def module_that_runs(lines: str) -> str:
    """The text of a module with a `build` whose model runs some lines in its forward pass.

    Args:
        lines: They know `self.calls`, the number of passes in training, and `together`, whether
            the model is one of a population.
    """
    return MODULE.replace("LINES", indent(dedent(lines).strip("\n"), " " * 8))
