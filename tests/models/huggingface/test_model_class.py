"""The class of a model, and that its plan is applied and trains."""

from __future__ import annotations

import pytest
import torch

from mutransfer_cli.recipe.size import Size
from tests.helpers.hf_recipes import hf_recipe
from tests.helpers.proxies import proxy


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mixtral", "vit", "mamba", "t5"])
def test_a_plan_is_applied_and_trains(kind: str) -> None:
    made = hf_recipe(kind)
    subject = proxy(made, Size(128, 2, 4, 5), 0)
    assert subject.loss is not None and subject.batch is not None and subject.optimizer is not None
    before = [p.detach().clone() for p in subject.model.parameters()]
    loss = subject.loss(subject.model, subject.batch(0))
    loss.backward()  # type: ignore[no-untyped-call]
    subject.optimizer.step()
    assert bool(torch.isfinite(loss))
    moved = [not torch.equal(a, b) for a, b in zip(before, subject.model.parameters(), strict=True)]
    assert sum(moved) > len(moved) / 2


SEVERAL = {
    "bert": "BertForMaskedLM",
    "bart": "BartForConditionalGeneration",
    "llama": "LlamaForCausalLM",
}


def test_types_that_have_several_models() -> None:
    found = {
        kind: type(proxy(hf_recipe(kind), Size(64, 2, 4, 5), 0).model).__name__ for kind in SEVERAL
    }
    assert found == SEVERAL
