"""A pruner ends its own trial, at the step it says, one by one and in a population."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.checkpoint.checkpointer import Checkpointer
from mutransfer_cli.train.population.oom_split import train_group
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.pruner import Pruner
from mutransfer_cli.train.single_trial import train_trial
from mutransfer_cli.train.trial import Trial
from mutransfer_cli.train.trial_result import Result
from tests.helpers.cuts import cut_trial
from tests.helpers.trials import small_recipe, train_recipe, trials_of

SIZE = Size(32, 2, 8, 50)
RATES = [{"lr": 0.0005 * (i + 1)} for i in range(8)]


@dataclass(frozen=True)
class Ends:
    """Ends a trial at a step; remembers what it was asked."""

    at: int
    steps: tuple[int, ...] = (10, 20, 40)
    asked: list[list[float]] = field(default_factory=list)

    def __call__(self, losses: object) -> str | None:
        self.asked.append(list(losses))  # type: ignore[call-overload]
        return "hopeless" if len(self.asked[-1]) == self.at else None


def pruned(group: list[Trial], pruners: dict[int, Pruner]) -> list[Trial]:
    return [replace(trial, pruner=pruners.get(i)) for i, trial in enumerate(group)]


def together(group: list[Trial]) -> list[Result]:
    found = dict(train_population(group))
    return [found[i] for i in range(len(group))]


@pytest.mark.parametrize("model", ["mlp", "gpt"])
def test_the_pruned_leave_and_the_others_stay_as_they_are(model: str) -> None:
    group = trials_of(small_recipe(model), SIZE, RATES)
    whole = together(group)
    ends = {1: Ends(10), 4: Ends(20), 5: Ends(99)}
    found = together(pruned(group, dict(ends)))
    for i, (one, other) in enumerate(zip(found, whole, strict=True)):
        if i in (1, 4):
            assert (one.outcome, one.loss, one.why) == ("pruned", None, "hopeless")
            assert one.curve == other.curve[: ends[i].at]
        else:
            assert one.outcome == "finished"
            assert (one.loss, one.curve) == (other.loss, other.curve)  # bit for bit
    assert [len(losses) for losses in ends[5].asked] == [10, 20, 40]
    assert [len(losses) for losses in ends[4].asked] == [10, 20]


def test_all_of_a_population_may_leave() -> None:
    group = trials_of(small_recipe("mlp"), SIZE, RATES[:3])
    found = together(pruned(group, {i: Ends(20) for i in range(3)}))
    assert [(r.outcome, len(r.curve)) for r in found] == [("pruned", 20)] * 3


def test_one_by_one_it_is_the_same() -> None:
    group = trials_of(small_recipe("mlp"), SIZE, RATES[:2])
    for trial in group:
        whole = train_trial(trial)
        asked = Ends(40)
        found = train_trial(replace(trial, pruner=asked))
        assert (found.outcome, found.loss, found.why) == ("pruned", None, "hopeless")
        assert found.curve == whole.curve[:40]
        assert asked.asked[-1] == [loss for _, loss in whole.curve[:40]]
        spared = train_trial(replace(trial, pruner=Ends(99)))
        assert (spared.outcome, spared.loss) == (whole.outcome, whole.loss)
    (alone,) = dict(train_group(pruned(group[:1], {0: Ends(10)}))).values()
    assert (alone.outcome, len(alone.curve)) == ("pruned", 10)


@pytest.mark.parametrize("cut", [15, 20, 25])
def test_a_trial_with_a_checkpoint_is_judged_by_all_its_losses(
    cut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off before, at and after a look; it is pruned at the same later one."""
    made = small_recipe("mlp")
    checkpointer = Checkpointer(tmp_path, "a recipe", "cpu", interval=0.0)
    cut_trial(cut, made, checkpointer, monkeypatch)
    ends = Ends(40)
    found = train_recipe(made, checkpointer=checkpointer, pruner=ends)
    whole = train_recipe(made)
    assert found.outcome == "pruned" and found.curve == whole.curve[:40]
    assert [len(losses) for losses in ends.asked] == [s for s in (20, 40) if s > cut]
