"""Losses of models that predict something else than the next token."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from mutransfer_cli.models.huggingface.losses import masked_loss, seq2seq_loss


def test_no_model_is_shown_what_it_has_to_say() -> None:
    """The encoder of T5 sees the first half alone, BERT its text with holes in it."""
    inputs, targets = torch.arange(16)[None] + 40, torch.arange(16)[None] + 41
    seen: dict[str, torch.Tensor] = {}

    class Spy(torch.nn.Module):
        config = SimpleNamespace(vocab_size=256)

        def forward(self, **given: torch.Tensor) -> SimpleNamespace:
            seen.update(given)
            length = given.get("decoder_input_ids", given["input_ids"]).shape[1]
            return SimpleNamespace(logits=torch.zeros(1, length, 256))

    spy = Spy()
    seq2seq_loss(spy, (inputs, targets))
    said = set(targets[0, 8:].tolist())
    assert not said & set(seen["input_ids"][0].tolist())
    assert seen["decoder_input_ids"].tolist() == inputs[:, 8:].tolist()
    # uniform logits: log 256 on each hidden position and nothing elsewhere
    assert float(masked_loss(spy, (inputs, targets))) == pytest.approx(math.log(256))
    holes = seen["input_ids"] != inputs
    assert 1 <= int(holes.sum()) <= 5 and set(seen["input_ids"][holes].tolist()) == {255}
