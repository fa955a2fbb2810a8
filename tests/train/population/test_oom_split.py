"""A population that does not fit into the memory is halved, and nothing that has ended is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.models.user_code import run_user_code
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.engine import choose as engine
from mutransfer_cli.train.population.oom_split import is_out_of_memory, train_group
from mutransfer_cli.train.population.population import Population
from mutransfer_cli.train.trial import Trial
from mutransfer_cli.train.trial_result import Result

SIZE = Size(16, 2, 4, 30)
RECIPE = """
name: group
model: {build: mlp}
data: {source: teacher, d_in: 8, d_out: 3}
base: {width: 16, depth: 2, batch: 4, steps: 30}
optimizer: {name: adam, lr: 0.01}
"""
Error = Callable[[], Exception]
WITHOUT = {
    "python": lambda: MemoryError(),
    "torch": lambda: torch.OutOfMemoryError("CUDA out of memory"),
    "allocator": lambda: RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
    "forward pass": lambda: in_user_code(torch.OutOfMemoryError("CUDA out of memory")),
}


def in_user_code(error: Exception) -> InputError:
    """As the model's own forward and backward passes are heard of."""

    def fail() -> None:
        raise error

    with pytest.raises(InputError) as caught:
        run_user_code(fail, "model.build: mlp: training at width 16")
    return caught.value


def trials(rates: list[float]) -> list[Trial]:
    factory = ProxyFactory(loads(RECIPE).recipe)
    return [Trial.of(factory, SIZE, 0, {"lr": rate}) for rate in rates]


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int, Error], list[int]]:
    """Populations of more than `most` raise from a step on; the sizes that were begun."""
    step = Population.step

    def limit(most: int, at: int, error: Error) -> list[int]:
        begun: list[int] = []

        def limited(self: Population, number: int) -> torch.Tensor:
            if number == 0:
                begun.append(len(self.alive))
            if number == at and len(self.alive) > most:
                raise error()
            return step(self, number)

        monkeypatch.setattr(Population, "step", limited)
        return begun

    return limit


def same(found: dict[int, Result], expected: dict[int, Result]) -> bool:
    return {i: (r.outcome, r.loss, r.curve) for i, r in found.items()} == {
        i: (r.outcome, r.loss, r.curve) for i, r in expected.items()
    }


@pytest.mark.parametrize("kind", WITHOUT)
def test_halved_until_it_fits(kind: str, limited: Callable[[int, int, Error], list[int]]) -> None:
    """By hand: 9 → 5 and 4; 5 → 3 and 2, each of which is at most 4."""
    group = trials([0.001 * (i + 1) for i in range(9)])
    whole = dict(train_group(group))
    begun = limited(4, 5, WITHOUT[kind])
    assert same(dict(train_group(group)), whole)  # bit for bit
    assert begun == [9, 5, 3, 2, 4]
    losses = [r.loss for r in whole.values()]
    assert len(set(losses)) == 9  # the control: a result under another's number would be seen


def test_what_has_ended_is_kept(limited: Callable[[int, int, Error], list[int]]) -> None:
    """Trials 1 and 4 of six diverge by step 10; at step 15 there is no room for four."""
    group = trials([0.001, 1e30, 0.002, 0.003, 1e30, 0.004])
    whole = dict(train_group(group))
    assert [i for i, r in whole.items() if r.outcome == "diverged"] == [1, 4]
    begun = limited(3, 15, WITHOUT["python"])
    found = list(train_group(group))
    assert [i for i, _ in found] == [1, 4, 0, 2, 3, 5]  # each once, under its own number
    assert same(dict(found), whole)
    assert begun == [6, 2, 2]  # those that had ended did not begin again


def test_torch_s_own_message_is_understood() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    with pytest.raises(RuntimeError) as caught:
        torch.zeros(2, 3) @ torch.zeros(2, 3)
    assert not is_out_of_memory(caught.value)
    assert not is_out_of_memory(in_user_code(caught.value))


def test_other_errors_are_not_hidden(limited: Callable[[int, int, Error], list[int]]) -> None:
    begun = limited(4, 5, lambda: RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        dict(train_group(trials([0.001] * 6)))
    assert begun == [6]
    assert not is_out_of_memory(ValueError("out of memory"))


def test_one_that_does_not_fit_by_itself_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> Result:
        raise MemoryError

    monkeypatch.setattr(Population, "step", never)
    monkeypatch.setattr("mutransfer_cli.train.population.oom_split.train_trial", never)
    with pytest.raises(MemoryError):
        dict(train_group(trials([0.001] * 4)))


@pytest.mark.parametrize("kind", WITHOUT)
def test_a_size_that_does_not_fit_is_not_chosen(
    kind: str, limited: Callable[[int, int, Error], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 4, 8 and 16 only four fit: larger ones are not tried once eight did not."""
    monkeypatch.setattr(engine, "SLOWER_FACTOR", 1e9)  # whatever they take
    group = trials([0.001, 0.002])
    free = engine.choose_engine(group, 16, "cpu", 1, "population")
    assert [t.size for t in free.timings] == [1, 4, 8, 16]
    begun = limited(4, 1, WITHOUT[kind])
    assert engine.time_population(group, 8, "cpu", 1, 0.1) is None
    begun.clear()
    choice = engine.choose_engine(group, 16, "cpu", 1, "population")
    assert [t.size for t in choice.timings] == [1, 4] and choice.most == 4
    assert begun == [4, 8]


def test_a_population_s_own_fault_is_not_taken_for_a_lack_of_memory(
    limited: Callable[[int, int, Error], list[int]],
) -> None:
    limited(4, 1, lambda: InputError("model.build: a fault of the user's"))
    with pytest.raises(InputError, match="a fault of the user's"):
        engine.time_population(trials([0.001]), 8, "cpu", 1, 0.1)
