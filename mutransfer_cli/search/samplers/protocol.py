"""The protocol of samplers, and the search problem that they are made from.

A sampler is a class that a row in `catalog/samplers.py` names. It has no state: its proposals
depend on the records only, so that an interrupted sweep resumes with the same proposals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from mutransfer_cli.catalog.samplers import SAMPLERS
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record

MOST_TRIALS = 1_000_000  # of a search; every one is kept in memory


@dataclass(frozen=True, slots=True)
class SearchProblem:
    """The search that a recipe describes.

    Attributes:
        search: The recipe's section `search`.
        rungs: Sizes of the ladder, small to large.
        first_seed: The first seed; the others count up from it.
        defaults: The recipe's own value of every searched hyperparameter.
        target: Size of the large run; None: the recipe names none.
        start_rate: Learning rate about which the search begins; None: it begins as the recipe says.
        limits: The sizes along which the parameterization says that training tends to a limit.
    """

    search: Search
    rungs: tuple[Size, ...]
    first_seed: int
    defaults: Mapping[str, float]
    target: Size | None = None
    start_rate: float | None = None
    limits: tuple[str, ...] = ()

    @property
    def seeds(self) -> range:
        """The seeds that every setting is run with."""
        return range(self.first_seed, self.first_seed + self.search.seeds)

    @property
    def smallest(self) -> Size:
        """The rung that is the cheapest to search."""
        return min(self.rungs, key=lambda s: (s.width, s.depth, s.batch * s.steps))


class TrialCount(NamedTuple):
    """How many trials a search takes.

    Attributes:
        each: Trials per rung, as far as is known before any has run.
        at_most: Limit of the trials of all rungs.
    """

    each: int
    at_most: int


class Sampler(Protocol):
    """Proposes trials, given the results of earlier ones."""

    def __init__(self, problem: SearchProblem) -> None: ...

    def propose(self, records: Sequence[Record]) -> list[Job]:
        """The trials that are to be run, given those that have ended.

        Some of them may have ended already. The search is finished when all of them have.

        Args:
            records: Trials that have ended, in any order.
        """
        ...

    def count_trials(self) -> TrialCount:
        """Estimate how many trials the search takes."""
        ...


@runtime_checkable
class ExplainsItsEnd(Protocol):
    """A sampler that can say why it proposes no more trials."""

    def end_reason(self, records: Sequence[Record]) -> str:
        """Why the search has ended, given all trials; empty if it has not."""
        ...


@runtime_checkable
class GrowsTheGrid(Protocol):
    """A sampler that can say by how much its grid has grown."""

    def growth(self, records: Sequence[Record]) -> str | None:
        """By how much the grid has grown, given all trials; None: it has not."""
        ...


def make_sampler(problem: SearchProblem) -> Sampler:
    """The sampler that the recipe names.

    Raises:
        InputError: There is no such sampler, or the search has more trials than can be listed.
    """
    sampler: Sampler = SAMPLERS.require(problem.search.sampler, ("search", "sampler")).load()(
        problem
    )
    trials = sampler.count_trials().at_most
    if trials > MOST_TRIALS:
        raise InputError(
            f"asks for up to {trials:.4g} trials, at most {MOST_TRIALS} can be listed: take fewer "
            "values, seeds or rungs",
            ("search",),
        )
    return sampler
