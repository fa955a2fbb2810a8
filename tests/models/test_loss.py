"""Cross-entropy of whatever holds the logits."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.loss import CrossEntropyWithZLoss, cross_entropy
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.recipe.load import loads, override
from tests.helpers.recipes import MLP


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


def test_a_z_loss_counts_in_training_alone() -> None:
    """Seven logits of 2: the cross-entropy is ln 7, and log Z is 2 + ln 7."""
    model = Constant(torch.full((2, 3, 7), 2.0))
    loss = CrossEntropyWithZLoss(0.1)
    expected = math.log(7) + 0.1 * (2 + math.log(7)) ** 2
    assert float(loss(model.train(), (TOKENS, TOKENS))) == pytest.approx(expected)
    assert float(loss(model.eval(), (TOKENS, TOKENS))) == pytest.approx(math.log(7))


def test_a_z_loss_reaches_the_proxies_and_no_loss_of_ones_own() -> None:
    recipe = loads(MLP).recipe
    proxies = ProxyFactory(override(recipe, {"z_loss": 0.01}))
    assert proxies.skeleton(proxies.base).loss == CrossEntropyWithZLoss(0.01)
    assert ProxyFactory(recipe).skeleton(proxies.base).loss is cross_entropy
    build = "tests.models.test_loss:regression"
    own = MLP.replace("build: mlp", f"build: {build}")
    own_recipe = loads(own).recipe
    ProxyFactory(own_recipe).skeleton(proxies.base)
    with pytest.raises(InputError, match="z_loss: belongs to the cross-entropy of logits"):
        ProxyFactory(override(own_recipe, {"z_loss": 0.01})).skeleton(proxies.base)


def squared(model: nn.Module, batch: Tensor) -> Tensor:
    """A loss of one's own."""
    loss: Tensor = model(batch).square().mean()
    return loss


def regression(width: int) -> Subject:
    """A model with it."""
    return Subject(nn.Linear(width, 1), loss=squared)


def test_one_class_is_refused() -> None:
    """The log of a softmax over one class is 0: no model would train."""
    with pytest.raises(InputError, match="one output for each example"):
        cross_entropy(Constant(torch.zeros(2, 3, 1)), (TOKENS, TOKENS))
