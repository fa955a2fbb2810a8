"""What a sampler is given, and what it has to answer.

A sampler is a class whose row in `catalog/samplers.py` names it. It holds no state of its own: its
proposals follow from the records only, so that an interrupted sweep goes on as it would have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from mutransfer_cli.catalog.samplers import SAMPLERS
from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.storage.record import Record


@dataclass(frozen=True, slots=True)
class SearchProblem:
    """What is searched.

    Attributes:
        search: The recipe's section `search`.
        rungs: Sizes of the ladder, small to large.
        first_seed: Seeds count up from here.
        defaults: The recipe's own value of every searched hyperparameter.
    """

    search: Search
    rungs: tuple[Size, ...]
    first_seed: int
    defaults: Mapping[str, float]

    @property
    def seeds(self) -> range:
        """The seeds that every setting is run with."""
        return range(self.first_seed, self.first_seed + self.search.seeds)

    @property
    def smallest(self) -> Size:
        """The rung that is cheapest to search."""
        return min(self.rungs, key=lambda s: (s.width, s.depth, s.batch * s.steps))


class TrialCount(NamedTuple):
    """How many trials a search takes.

    Attributes:
        each: Of a rung, as far as is known before any has run.
        at_most: Of all rungs together.
    """

    each: int
    at_most: int


class Sampler(Protocol):
    """Proposes trials by the results of earlier ones."""

    def __init__(self, problem: SearchProblem) -> None: ...

    def propose(self, records: Sequence[Record]) -> list[Job]:
        """The trials that are to be run, given those that have ended.

        Some of them may have ended already. The search is finished when all of them have.

        Args:
            records: Trials that have ended, in any order.
        """
        ...

    def count_trials(self) -> TrialCount:
        """How many trials the search takes, for an estimate of its cost."""
        ...


def make_sampler(problem: SearchProblem) -> Sampler:
    """The sampler that the recipe names."""
    sampler: Sampler = SAMPLERS.require(problem.search.sampler, ("search", "sampler")).load()(
        problem
    )
    return sampler
