"""Forward multipliers in models that were copied, compiled, averaged or pickled."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.types import Site
from tests.helpers.planned_net import initialized_net, inputs, net_plan


def scaled(model: nn.Module) -> Tensor:
    """By hand: the readout of a network 4 times as wide is divided by 4."""
    with torch.no_grad():
        found: Tensor = model(inputs()) / 4
    return found


def eager(model: nn.Module) -> nn.Module:
    return torch.compile(model, backend="eager")  # type: ignore[return-value]  # it is a Module


WRAPPERS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "copied": copy.deepcopy,
    "averaged": AveragedModel,
    "compiled": eager,
    "pickled": lambda model: pickle.loads(pickle.dumps(model)),
    "averaged copy of a compiled": lambda model: AveragedModel(eager(model)),
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrapped(wrapper: str, when: str) -> None:
    model = initialized_net()
    wanted = scaled(model)
    if when == "before":
        net_plan().install(model)
    wrapped = WRAPPERS[wrapper](model)
    if when == "after":
        net_plan().initialize(wrapped, 0)
        net_plan().install(wrapped)
    with torch.no_grad():
        torch.testing.assert_close(wrapped(inputs()), wanted)
    rates = {g["lr"] for g in net_plan().param_groups(wrapped)}
    assert rates == {0.01, 0.01 / 4}  # the hidden matrix has an input 4 times as wide
    assert sum(len(g["params"]) for g in net_plan().param_groups(wrapped)) == 5


def test_a_compiled_model_that_was_called_notices_new_multipliers() -> None:
    model = initialized_net()
    wanted = scaled(model)
    compiled = eager(model)
    with torch.no_grad():
        assert not torch.allclose(compiled(inputs()), wanted)  # compiled now, without
        net_plan().install(compiled)
        torch.testing.assert_close(compiled(inputs()), wanted)
        module = initialized_net()
        module.compile(backend="eager")
        module(inputs())
        net_plan().install(module)
        torch.testing.assert_close(module(inputs()), wanted)


def test_installed_twice_is_refused() -> None:
    model = initialized_net()
    net_plan().install(model)
    for again in (model, copy.deepcopy(model)):
        with pytest.raises(InputError, match="installed before"):
            net_plan().install(again)


def test_nothing_is_kept_on_parameters() -> None:
    model = initialized_net()
    net_plan().install(model)
    net_plan().param_groups(model)
    assert all(not vars(p) for p in model.parameters())


@pytest.mark.parametrize(
    ("site", "missing"),
    [
        (Site("input", ("head",)), "no module 'head'"),
        (Site("output", ("readout", "embedding")), "no module 'embedding'"),
        (Site("attribute", attribute="logit_scale"), "no module with a number 'logit_scale'"),
    ],
)
def test_a_model_without_the_location(site: Site, missing: str) -> None:
    model = initialized_net()
    made = replace(net_plan(), sites={"logit_scale": site})
    with pytest.raises(InputError, match=rf"logit_scale is installed in the model.*{missing}"):
        made.install(model)
    net_plan().install(model)  # nothing had been installed
