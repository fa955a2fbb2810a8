"""The geometry of an optimizer's update is found by trying."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from mutransfer_cli import Subject
from mutransfer_cli.coordcheck.measure.optimizer_kind import update_kinds
from tests.helpers.check_models import Lion

# By their definitions: steps of signs (or of entries divided by their size), steps with equal
# singular values, steps in proportion to the gradient.
OPTIMIZERS: dict[str, tuple[Callable[[Any], torch.optim.Optimizer], str]] = {
    "adam": (torch.optim.Adam, "adam"),
    "adamw": (torch.optim.AdamW, "adam"),
    "lion": (Lion, "adam"),
    "adafactor": (torch.optim.Adafactor, "adam"),
    "sgd": (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), "sgd"),
    "muon": (torch.optim.Muon, "muon"),
}
# A few rows of signs have nearly equal singular values too.
SHAPES = ((3, 64), (64, 3), (2, 64), (10, 256), (64, 64), (256, 64))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_kind_of_an_update(name: str, shape: tuple[int, int]) -> None:
    make, kind = OPTIMIZERS[name]

    def fresh() -> Subject:
        torch.manual_seed(0)
        model = nn.Linear(shape[1], shape[0], bias=False)
        return Subject(model, make(model.parameters()))

    assert update_kinds(fresh) == {"weight": kind}
