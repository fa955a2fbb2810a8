"""Fits the response surface of a study, without the runs that belong to none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial

import numpy as np

from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.fit.study.outliers import absurdly_low, outliers
from mutransfer_cli.fit.study.study_runs import study_runs
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.response_surface import fit_response
from mutransfer_cli.surface.response.trend import decay_odds


def study_surface(
    observations: Sequence[Observation],
    *,
    spaces: Mapping[str, Space] | None = None,
    confidence: float = CONFIDENCE,
    untrained: float | None = None,
    limits: Collection[str] = (),
    held: Mapping[str, float] | None = None,
) -> StudySurface:
    """Fit the response surface to a study.

    Args:
        observations: All runs.
        spaces: The spaces that were searched, by hyperparameter, where they are known.
        confidence: Confidence level of all intervals, between 0 and 1.
        untrained: The loss of the untrained model, if it is known.
        limits: The sizes along which theory says that training tends to a limit.
        held: Hyperparameters of which only the runs at one value are fitted, with the value.

    Raises:
        InputError: No run finished.
    """
    arrays = partial(study_runs, spaces=spaces, untrained=untrained, held=held)
    study = arrays(observations)
    low = absurdly_low(study.runs)
    left = [study.observations[i] for i in np.flatnonzero(low)]
    if left:
        study = arrays(_without(observations, left))
    odds = decay_odds({axis.name for axis in study.axes}, limits)
    surface = fit_response(study.runs, odds)
    high = [study.observations[i] for i in np.flatnonzero(outliers(surface))]
    if high:
        left += high
        study = arrays(_without(observations, left))
        surface = fit_response(study.runs, odds)
    return StudySurface(study, surface, confidence, tuple(left))


def _without(observations: Sequence[Observation], left: Sequence[Observation]) -> list[Observation]:
    """The observations without some of them."""
    out = {id(o) for o in left}
    return [o for o in observations if id(o) not in out]
