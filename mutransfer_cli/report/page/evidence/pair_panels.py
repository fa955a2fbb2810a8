"""What a value of one hyperparameter costs at several values of another, for entangled pairs."""

from __future__ import annotations

from collections.abc import Iterator

from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.fit.decision.wording import spoken
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.study_fit import StudyFit
from mutransfer_cli.interval import Interval
from mutransfer_cli.report.page.fit_panels import bounds, positions_tried
from mutransfer_cli.report.page.panels import Panel, Series

MOST = 6  # pairs that are shown, the most entangled first


def entangled_pairs(document: FitDocument) -> list[tuple[str, str, Interval]]:
    """Pairs whose correlation has an interval without 0, the strongest first."""
    pairs = {}
    for one, others in (document.entanglement or {}).items():
        for other, value in others.items():
            excludes_zero = (
                value.low is not None
                and value.high is not None
                and (value.low > 0 or value.high < 0)
            )
            if one != other and excludes_zero and (other, one) not in pairs:
                pairs[one, other] = value
    found = [(one, other, value) for (one, other), value in pairs.items()]
    return sorted(found, key=lambda pair: -abs(pair[2].value))[:MOST]


def pair_panels(
    study: StudyFit, surface: StudySurface, document: FitDocument, key: str
) -> Iterator[Panel]:
    """For every entangled pair, the cost along the first at three values of the second.

    Args:
        study: The fit.
        surface: Its response surface.
        document: Its document, with a decision.
        key: Begins the key of every panel.
    """
    size = study.answers.target or surface.largest
    chosen = {name: decided.value for name, decided in document.decided.items()}
    coordinates = {c.name: c for c in surface.study.hyperparameters.coordinates}
    for one, other, correlation in entangled_pairs(document):
        if not {one, other} <= chosen.keys() & coordinates.keys():
            continue
        along, across = coordinates[one], coordinates[other]
        grid, tried = positions_tried(study, along)[::2], positions_tried(study, across)
        if not grid or not tried:
            continue
        values = tuple(along.value(p) for p in grid)
        middle = across.position(chosen[other])
        series = []
        for color, step in enumerate((-1.0, 0.0, 1.0)):
            at = across.value(min(max(middle + step, tried[0]), tried[-1]))
            costs = [surface.regret({**chosen, one: v, other: at}, size) for v in values]
            means, _, _ = bounds(costs, 100.0)
            series.append(Series(f"{spoken(other)} {at:.3g}", values, means, "line", color))
        yield Panel(
            f"{key}-pair-{one}-{other}",
            f"{spoken(one)} and {spoken(other)} together",
            f"Extra loss at three values of {spoken(other)}: where the lowest points are not "
            "above each other, the two must be tuned together. Curvature between them as a "
            f"correlation: {correlation}.",
            f"{spoken(one)}, quoted at the base",
            "extra loss, % of the loss",
            tuple(series),
            log2_x=along.scale == "log2" and values[0] > 0,
            reference=100 * document.tolerance,
        )
