"""The geometry of an optimizer's update is found by trying."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from mutransfer_cli import Subject
from mutransfer_cli.coordcheck.measure.optimizer_kind import update_geometries
from mutransfer_cli.optimizers.geometry import GRADIENT, SIGN, SPECTRAL, Geometry
from tests.helpers.check_models import Lion

# By their definitions: steps of signs (or of entries divided by their size), steps with equal
# singular values, steps in proportion to the gradient.
OPTIMIZERS: dict[str, tuple[Callable[[Any], torch.optim.Optimizer], Geometry]] = {
    "adam": (torch.optim.Adam, SIGN),
    "adamw": (torch.optim.AdamW, SIGN),
    "lion": (Lion, SIGN),
    "adafactor": (torch.optim.Adafactor, SIGN),
    "sgd": (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), GRADIENT),
    "muon": (torch.optim.Muon, SPECTRAL),
}
# A few rows of signs have nearly equal singular values too.
SHAPES = ((3, 64), (64, 3), (2, 64), (10, 256), (64, 64), (256, 64))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_geometry_of_an_update(name: str, shape: tuple[int, int]) -> None:
    make, geometry = OPTIMIZERS[name]

    def fresh() -> Subject:
        torch.manual_seed(0)
        model = nn.Linear(shape[1], shape[0], bias=False)
        return Subject(model, make(model.parameters()))

    assert update_geometries(fresh) == {"weight": geometry}
