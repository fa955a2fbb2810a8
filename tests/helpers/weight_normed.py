"""Models whose every layer is under weight normalization, in both of torch's forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import Subject, plan
from tests.helpers.changed_rates import multiply_learning_rates

FORMS: dict[str, tuple[Callable[..., nn.Module], str, str]] = {  # form: function, gain, direction
    "hooks": (nn.utils.weight_norm, "weight_g", "weight_v"),
    "parametrizations": (
        nn.utils.parametrizations.weight_norm,
        "parametrizations.weight.original0",
        "parametrizations.weight.original1",
    ),
}


class WeightNormed(nn.Module):
    """Four dense layers, or a small convolutional decoder with a transposed convolution."""

    def __init__(self, width: int, form: str, convolutional: bool = False, dim: Any = 0) -> None:
        super().__init__()
        normed = FORMS[form][0]
        layers: list[nn.Module]
        if convolutional:
            layers = [
                nn.Conv1d(4, width, 3, padding=1),
                nn.Conv1d(width, width, 3, padding=1),
                nn.ConvTranspose1d(width, width, 2, 2),
                nn.Conv1d(width, 8, 7, padding=3),
            ]
        else:
            layers = [nn.Linear(16, width), *(nn.Linear(width, width) for _ in range(2)),
                      nn.Linear(width, 8)]  # fmt: skip
        self.a, self.b, self.c, self.head = (normed(layer, dim=dim) for layer in layers)
        self.convolutional = convolutional

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.c(self.b(self.a(x).relu()).relu()).relu())
        return y.mean(-1) if self.convolutional else y


def entropy(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def batches(convolutional: bool = False) -> Callable[[int], tuple[Tensor, Tensor]]:
    shape = (8, 4, 6) if convolutional else (8, 16)

    def batch(seed: int) -> tuple[Tensor, Tensor]:
        g = torch.Generator().manual_seed(seed)
        return torch.randn(shape, generator=g), torch.randint(0, 8, (8,), generator=g)

    return batch


def planned(
    optimizer: dict[str, Any],
    form: str = "hooks",
    wrong: tuple[str, str, float] | None = None,
    convolutional: bool = False,
    dim: Any = 0,
    parameterization: str = "mup",
) -> Callable[[int, int], Subject]:
    """A builder that applies our plan, with an error in one tensor if one is given.

    Args:
        optimizer: The optimizer of the plan.
        form: A key of `FORMS`.
        wrong: lr or init, the tensor, and the power of the width by which it is off.
        convolutional: Whether the layers are convolutions.
        dim: The dimension that each gain keeps; None: one gain for a layer.
        parameterization: The parameterization of the plan.
    """

    def bare(width: int) -> Subject:
        model = WeightNormed(width, form, convolutional, dim)
        return Subject(model, None, entropy, batches(convolutional))

    def build(width: int, seed: int) -> Subject:
        found = plan(bare, base={"width": 64}, target={"width": width}, optimizer=optimizer,
                     parameterization=parameterization)  # fmt: skip
        torch.manual_seed(seed)
        subject = bare(width)
        found.initialize(subject.model, seed)
        found.install(subject.model)
        subject.optimizer = found.optimizers(subject.model)[0]
        if wrong is not None:
            aspect, name, power = wrong
            factor = (width / 64) ** power
            if aspect == "lr":
                multiply_learning_rates(subject.model, subject.optimizer, {name: factor})
            else:
                with torch.no_grad():
                    dict(subject.model.named_parameters())[name].mul_(factor)
        return subject

    return build
