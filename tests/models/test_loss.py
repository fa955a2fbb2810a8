"""Cross-entropy of whatever holds the logits."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.loss import cross_entropy


class Constant(nn.Module):
    """A model whose output is always the same."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output

    def forward(self, x: Tensor) -> Any:
        return self.output


TOKENS = torch.zeros(2, 3, dtype=torch.int64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_uniform_logits_have_the_log_of_the_classes(dtype: torch.dtype) -> None:
    logits = torch.zeros(2, 3, 7, dtype=dtype)
    for output in (logits, SimpleNamespace(logits=logits)):
        loss = cross_entropy(Constant(output), (TOKENS, TOKENS))
        assert loss.dtype == torch.float32  # also where the model computes in less
        assert float(loss) == pytest.approx(math.log(7))


@pytest.mark.parametrize("output", [torch.zeros(2, 7), {"logits": torch.zeros(2, 3, 7)}])
def test_an_output_that_is_not_logits(output: Any) -> None:
    with pytest.raises(InputError, match=r"expected logits \(2, 3, 'classes'\)") as caught:
        cross_entropy(Constant(output), (TOKENS, TOKENS))
    assert caught.value.path == ("model",)
