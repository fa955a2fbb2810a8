"""Takes the trials that narrow the optimum at the target the most for their cost.

The cheapest rung starts with settings spread about the recipe's own; every further rung, from cheap
to expensive, with settings about the optimum that the response surface predicts for it. Rounds
follow: candidates about every rung's optimum, chosen by how much they would narrow the optimum at
the target (at the largest rung where there is none) per FLOP. It ends when `search.precision` is
reached and another round, with a trial at the optimum, confirms it; when the ladder allows no more;
or with the budget. Rounds are replayed from the first, so that an interrupted sweep resumes with
the same proposals.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TypeAlias

from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.record import Key, Record
from mutransfer_cli.search.samplers.adaptive_search.adaptive_round import AdaptiveRound, Round
from mutransfer_cli.search.samplers.adaptive_search.search_state import MOST_TRIALS, SearchState
from mutransfer_cli.search.samplers.adaptive_search.start_design import start_count
from mutransfer_cli.search.samplers.protocol import SearchProblem, TrialCount

log = logging.getLogger(__name__)

Seen: TypeAlias = tuple[tuple[Key, str, float | None], ...]


class AdaptiveSampler:
    """Narrows the optimum of every hyperparameter at the target, in rounds."""

    def __init__(self, problem: SearchProblem) -> None:
        """Make a sampler.

        Args:
            problem: A search of ranges.
        """
        self.problem = problem
        self._rounds: dict[Seen, Round] = {}  # decided before: replaying them costs nothing

    def propose(self, records: Sequence[Record]) -> list[Job]:
        """Trials of the open round that have not ended; empty once the search has ended."""
        opened = self._open_round(records)
        return missing(opened.jobs, records)

    def end_reason(self, records: Sequence[Record]) -> str:
        """Why the search has ended; empty if it has not."""
        return self._open_round(records).reason

    def count_trials(self) -> TrialCount:
        """The trials that rungs start with; `at_most` is the limit of all rounds."""
        p, rungs = len(self.problem.search.space), len(self.problem.rungs)
        start = sum(start_count(number, p) for number in range(rungs))
        most = min(self.problem.search.budget.trials or MOST_TRIALS * p, MOST_TRIALS * p)
        return TrialCount(max(1, min(2 * start, most) // rungs), most)

    def _open_round(self, records: Sequence[Record]) -> Round:
        """The first round with a trial that has not ended, or the end.

        Where the records hold trials that no replayed round proposes (another version chose them),
        the search goes on from all records instead.
        """
        by_key = {record.key: record for record in records}
        seen: list[Record] = []
        confirmed = False
        while True:
            opened = self._round(seen, confirmed)
            keys = [job.key for job in opened.jobs]
            if not all(key in by_key for key in keys) or not keys:
                known = {record.key for record in seen} | set(keys)
                if by_key.keys() <= known:
                    return opened
                return self._round(sorted(by_key.values(), key=lambda r: str(r.key)), True)
            confirmed = opened.reached
            seen += [by_key[key] for key in keys]

    def _round(self, seen: Sequence[Record], confirmed: bool) -> Round:
        """The round that follows the trials of earlier ones.

        Args:
            seen: These trials.
            confirmed: Whether the precision was reached before the last round too.
        """
        state = tuple((record.key, record.outcome, record.loss) for record in seen)
        if state not in self._rounds:
            decided = AdaptiveRound(SearchState(self.problem, seen), confirmed).next_round()
            self._rounds[state] = decided
            if decided.reason:
                log.info("adaptive search ends after %d trials: %s", len(seen), decided.reason)
            else:
                log.info("adaptive search: %d trials, %d more", len(seen), len(decided.jobs))
        return self._rounds[state]
