"""A judge ends its own trial, at the step it says, one by one and in a population."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.checkpoint.checkpointer import Checkpointer
from mutransfer_cli.train.population.oom_split import train_group
from mutransfer_cli.train.population.population import Member
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.pruner import Pruner
from mutransfer_cli.train.trial import Result, train
from tests.train.checkpoint.test_checkpointer import cut_at
from tests.train.population.test_population import members, recipe

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


def judged(group: list[Member], judges: dict[int, Pruner]) -> list[Member]:
    return [replace(m, judge=judges.get(i)) for i, m in enumerate(group)]


def together(group: list[Member]) -> list[Result]:
    found = dict(train_population(group, SIZE))
    return [found[i] for i in range(len(group))]


@pytest.mark.parametrize("model", ["mlp", "gpt"])
def test_the_pruned_leave_and_the_others_stay_as_they_are(model: str) -> None:
    group = members(recipe(model), SIZE, RATES)
    whole = together(group)
    ends = {1: Ends(10), 4: Ends(20), 5: Ends(99)}
    found = together(judged(group, dict(ends)))
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
    group = members(recipe("mlp"), SIZE, RATES[:3])
    found = together(judged(group, {i: Ends(20) for i in range(3)}))
    assert [(r.outcome, len(r.curve)) for r in found] == [("pruned", 20)] * 3


def test_one_by_one_it_is_the_same() -> None:
    group = members(recipe("mlp"), SIZE, RATES[:2])
    for member in group:
        whole = train(member.recipe, SIZE, member.seed, plan=member.plan)
        asked = Ends(40)
        found = train(member.recipe, SIZE, member.seed, plan=member.plan, judge=asked)
        assert (found.outcome, found.loss, found.why) == ("pruned", None, "hopeless")
        assert found.curve == whole.curve[:40]
        assert asked.asked[-1] == [loss for _, loss in whole.curve[:40]]
        spared = train(member.recipe, SIZE, member.seed, plan=member.plan, judge=Ends(99))
        assert (spared.outcome, spared.loss) == (whole.outcome, whole.loss)
    (alone,) = dict(train_group(judged(group[:1], {0: Ends(10)}), SIZE)).values()
    assert (alone.outcome, len(alone.curve)) == ("pruned", 10)


@pytest.mark.parametrize("cut", [15, 20, 25])
def test_a_trial_with_a_checkpoint_is_judged_by_all_its_losses(
    cut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off before, at and after a look; it is pruned at the same later one."""
    made = recipe("mlp")
    size = Size(32, 2, 8, 100)  # the recipe's own
    keeper = Checkpointer(tmp_path, "a recipe", "cpu", every=0.0)
    cut_at(cut, made, keeper, monkeypatch)
    ends = Ends(40)
    found = train(made, size, 0, keeper=keeper, judge=ends)
    whole = train(made, size, 0)
    assert found.outcome == "pruned" and found.curve == whole.curve[:40]
    assert [len(losses) for losses in ends.asked] == [s for s in (20, 40) if s > cut]
