"""Models in double precision, so that losses can be compared to rounding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor


@pytest.fixture
def norms_in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers' norms round to float32 whatever the model is in; here they do not."""
    from transformers.models.granite.modeling_granite import GraniteRMSNorm
    from transformers.models.llama.modeling_llama import LlamaRMSNorm

    def forward(self: Any, x: Tensor) -> Tensor:
        scaled = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return scaled * self.weight

    for norm in (GraniteRMSNorm, LlamaRMSNorm):
        monkeypatch.setattr(norm, "forward", forward)
