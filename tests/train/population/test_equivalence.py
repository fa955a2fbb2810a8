"""A population is used where it trains as the same trials one by one; errors are planted."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan

import pytest
import torch
from torch import Tensor

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.population import equivalence as trust
from mutransfer_cli.train.population.batched_gpt import BatchedGPT
from mutransfer_cli.train.population.equivalence import unsafe_reason
from mutransfer_cli.train.population.population import Population
from mutransfer_cli.train.trial import Trial
from tests.helpers.trials import BUILT_IN, small_recipe, trials_of


def test_a_model_is_trusted_once_it_was_compared(own_module: None) -> None:
    size = Size(32, 2, 8, 20)
    for build, told in (
        ("own:build", None),
        ("own:noisy", None),
        ("own:looks", "cannot be vmapped"),
    ):
        made = small_recipe("own", build=build)
        reason = unsafe_reason(trials_of(made, size, [{"lr": 0.005}, {"lr": 0.001}]), "cpu")
        assert (reason is None) == (told is None), reason
        assert told is None or (reason is not None and told in reason)


@pytest.mark.parametrize("model", BUILT_IN)
def test_a_built_in_model_is_compared_once(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the smallest rung, whichever is asked for first, and with rates that diverge."""
    looked: list[Size] = []
    whole = trust.compare_with_reference

    def counting(trials: Sequence[Trial], device: str) -> str | None:
        looked.append(trials[0].size)
        return whole(trials, device)

    monkeypatch.setattr(trust, "compare_with_reference", counting)
    monkeypatch.setattr(trust, "known_reasons", {})
    made = small_recipe(model, more="ladder: {width: [16, 32, 64]}\n")
    for width in (64, 32):
        size = Size(width, 2, 8, 100)
        assert unsafe_reason(trials_of(made, size, [{"lr": 0.005}, {"lr": 0.5}]), "cpu") is None
    assert looked == [Size(16, 2, 4, 100)]


@pytest.mark.parametrize("planted", ["hooks", "update", "validation"])
def test_an_error_in_a_written_form_is_found(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    more = "parameterization: umup\n" if planted == "hooks" else ""
    made = small_recipe("gpt", more=more)
    size = Size(32, 2, 8, 100)
    trials = trials_of(made, size, [{"lr": 0.02}, {"lr": 0.01}])
    monkeypatch.setattr(trust, "known_reasons", {})
    assert unsafe_reason(trials, "cpu") is None  # the control
    monkeypatch.setattr(trust, "known_reasons", {})
    if planted == "hooks":
        monkeypatch.setattr(
            "mutransfer_cli.train.population.model_selection.has_hooks", lambda model: False
        )
    elif planted == "update":
        monkeypatch.setattr("mutransfer_cli.train.population.equivalence.Population", Forgetful)
    else:
        monkeypatch.setattr(BatchedGPT, "losses", lambda self, *_: torch.zeros(len(self)))
    reason = unsafe_reason(trials, "cpu")
    assert reason is not None and "trains differently" in reason


class Forgetful(Population):
    """Its first step moves nothing."""

    def step(self, step: int) -> Tensor:
        before = self.stack.params.clone()
        losses = super().step(step)
        if step == 0:
            self.stack.params.copy_(before)
        return losses


def test_what_a_climbing_trial_magnifies_is_not_held_against_it() -> None:
    """By hand: 10 is more than 1.25 times the first loss, and ends the comparison."""
    assert trust.largest_difference([1.0, 0.5, 10.0, 9.0], [1.0, 0.6, 20.0, 9.0]) == pytest.approx(
        0.2
    )
    assert trust.largest_difference([1.0, nan], [1.0, 5.0]) == 0.0
    assert trust.largest_difference([1.0, 1.0], [1.0, nan]) == inf
