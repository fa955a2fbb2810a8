"""A model whose logits differ between training and inference, and one that needs its targets."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from mutransfer_cli import Subject, check
from tests.helpers.check_subjects import WIDTHS, SmallMLP, small_subject


def test_inference_that_differs_is_noted() -> None:
    class TwoPaths(SmallMLP):
        def forward(self, x: torch.Tensor, targets: torch.Tensor | None = None) -> torch.Tensor:
            logits = super().forward(x)
            return logits if targets is not None else logits * x.shape[0]

    def build(width: int) -> Subject:
        made = small_subject(width)
        made.model.__class__ = TwoPaths
        nn.init.normal_(made.model.last.weight, std=0.1)
        made.loss = lambda model, b: F.cross_entropy(model(b[0], b[1]), b[1])
        return made

    report = check(build, WIDTHS)
    assert any("training and inference differ" in n for n in report.document.notes)


def test_a_model_that_cannot_be_called_without_targets_is_checked() -> None:
    class NeedsTargets(SmallMLP):
        def forward(self, x: torch.Tensor, targets: torch.Tensor | None = None) -> torch.Tensor:
            assert isinstance(targets.flatten(), torch.Tensor)  # type: ignore[union-attr]  # raises AttributeError
            return super().forward(x)

    def build(width: int) -> Subject:
        made = small_subject(width)
        made.model.__class__ = NeedsTargets
        made.loss = lambda model, b: F.cross_entropy(model(b[0], b[1]), b[1])
        return made

    report = check(build, WIDTHS)
    assert report.passed
    assert not any("training and inference differ" in n for n in report.document.notes)
