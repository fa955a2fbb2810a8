"""Plots of checks, probes, laws and forecasts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mutransfer_cli.catalog.probes import PROBES
from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.confidence import percentage
from mutransfer_cli.documents.check import CheckDocument, ModuleReport
from mutransfer_cli.documents.law import LawCurve, LawDocument
from mutransfer_cli.documents.probe import ProbeDocument
from mutransfer_cli.documents.probe import Series as ProbeSeries
from mutransfer_cli.interval import Interval
from mutransfer_cli.report.page.evidence.evidence_files import Evidence
from mutransfer_cli.report.page.panels import Panel, Series, Style, spans_decades

MODULES = 6  # curves of a coordinate check, as many as there are colors
JUDGED = "Verdicts follow the own effect of each tensor, in the table"
LOGARITHMIC = {*SIZES, "step"}


def evidence_panels(evidence: Evidence) -> list[Panel]:
    """All plots of the documents."""
    panels: list[Panel] = []
    for i, (_, check) in enumerate(evidence.checks):
        panels += coordinate_panels(check, f"check{i + 1}")
    for i, (_, probe) in enumerate(evidence.probes):
        panels += probe_panels(probe, f"probe{i + 1}")
    for i, (_, law) in enumerate(evidence.laws):
        panels += law_panels(law, f"law{i + 1}")
    return [panel for panel in panels if panel.series]


def coordinate_panels(document: CheckDocument, key: str) -> Iterator[Panel]:
    """Sizes of outputs at init and of their changes against the size, steepest modules first.

    Args:
        document: The check.
        key: Begins the key of every panel.
    """
    modules = sorted(without_repeats(document.modules), key=steepness, reverse=True)[:MODULES]
    expected = document.expected
    slopes = [t.update_slope for t in document.tensors if t.update_slope is not None]
    level = all(slope.expected in (None, 0) for slope in slopes)
    for kind, title, rule in (
        ("init", "outputs at init", "none should grow"),
        ("change", "changes of outputs", f"none should grow or vanish. {JUDGED}"),
    ):
        series = tuple(
            Series(
                module.name,
                tuple(map(float, values)),
                tuple(values.values()),
                "curve",
                i,
            )
            for i, module in enumerate(modules)
            if (values := getattr(module, kind))
        )
        yield Panel(
            f"{key}-{kind}",
            f"Coordinate check under {expected}: {title}",
            f"Root mean square over {document.seeds} seeds, of the modules with the steepest "
            f"slopes of {len(document.modules)}; "
            + (f"{rule}." if level else f"{expected} does not keep them level."),
            document.axis,
            "root mean square",
            series,
            log2_x=True,
            log_y=spans_decades(y for s in series for y in s.y),
        )


def without_repeats(modules: Iterable[ModuleReport]) -> list[ModuleReport]:
    """The modules, without one whose output is that of another, as the model's is its last's."""
    return list({(*m.init.values(), *m.change.values()): m for m in reversed([*modules])}.values())


def steepness(module: ModuleReport) -> float:
    """The larger magnitude of a module's slopes."""
    slopes = [s.value for s in (module.init_slope, module.change_slope) if s is not None]
    return max(map(abs, slopes), default=0.0)


def probe_panels(document: ProbeDocument, key: str) -> Iterator[Panel]:
    """The curves of a probe, with what theory predicts.

    Args:
        document: The probe.
        key: Begins the key of every panel.
    """
    panels: dict[str, list[ProbeSeries]] = {}
    for series in document.series:
        panels.setdefault(series.panel, []).append(series)
    for i, (title, curves) in enumerate(panels.items()):
        shown = [
            Series(curve.name, curve.x, curve.y, "curve", color, low=curve.low, high=curve.high)
            for color, curve in enumerate(curves)
        ]
        shown += expected_of(curves)
        x_name = curves[0].x_name
        positive = all(x > 0 for curve in curves for x in curve.x)
        bounded = any(curve.low is not None for curve in curves)
        intervals = f" Intervals at {percentage(document.confidence)}." if bounded else ""
        yield Panel(
            f"{key}-{i + 1}",
            title if title == document.probe else f"{document.probe}: {title}",
            document.question + intervals,
            x_name,
            curves[0].y_name,
            tuple(shown),
            log2_x=x_name in LOGARITHMIC and positive,
            log_y=PROBES[document.probe].logarithmic
            and spans_decades(y for c in curves for y in (*c.y, *(c.low or ()), *(c.high or ()))),
        )


def expected_of(curves: Sequence[ProbeSeries]) -> list[Series]:
    """What theory predicts of each curve, named once; one line where all have the same number."""
    levels = {y for curve in curves for y in curve.expected or ()}
    if len(levels) == 1 and all(curve.expected is not None for curve in curves):
        x = tuple(sorted({x for curve in curves for x in curve.x}))
        return [Series(curves[0].expected_name, x, (*levels,) * len(x), "dashed", len(curves))]
    lines = [(c.expected_name, c.x, c.expected) for c in curves if c.expected is not None]
    return [
        Series(name, x, y, "dashed", len(curves), in_legend=i == 0)
        for i, (name, x, y) in enumerate(lines)
    ]


def law_panels(document: LawDocument, key: str) -> Iterator[Panel]:
    """The runs and the law; in a document without them, its predictions along the first size.

    Args:
        document: The law.
        key: Begins the key of every panel.
    """
    for i, picture in enumerate(document.pictures):
        curves: list[tuple[LawCurve, Style]] = [
            *((points, "points") for points in picture.points),
            *((line, "line") for line in picture.lines),
        ]
        yield Panel(
            f"{key}-{i + 1}",
            f"Law {document.form}: {picture.y_name} against {picture.x_name}",
            "The runs as points, the law as a line.",
            picture.x_name,
            picture.y_name,
            tuple(
                Series(curve.name, curve.x, curve.y, style, color, low=curve.low, high=curve.high)
                for color, (curve, style) in enumerate(curves)
            ),
            log10_x=True,
            log_y=spans_decades(y for curve, _ in curves for y in curve.y),
        )
    if document.pictures:
        return
    size = document.sizes[0] if document.sizes else ""
    quantities = list(
        dict.fromkeys(
            name for row in document.predictions for name, v in row.items()
            if isinstance(v, Interval)
        )
    )  # fmt: skip
    for name in quantities:
        points = sorted_points(document, size, name)
        x = tuple(p[0] for p in points)
        yield Panel(
            f"{key}-{name}",
            f"Law {document.form}: {name}",
            f"Predictions for new runs, with intervals at {percentage(document.confidence)}.",
            size,
            name,
            (points_of(name, points),) if x else (),
            log2_x=all(value > 0 for value in x),
        )


def sorted_points(document: LawDocument, size: str, name: str) -> list[tuple[float, Interval]]:
    """Sizes and predictions of one quantity, in the order of the size.

    Args:
        document: The law.
        size: The column of the size.
        name: The quantity.
    """
    found = [(row.get(size), row.get(name)) for row in document.predictions]
    points = [
        (float(x), v) for x, v in found if isinstance(x, int | float) and isinstance(v, Interval)
    ]
    return sorted(points, key=lambda point: point[0])


def points_of(name: str, points: Sequence[tuple[float, Interval]]) -> Series:
    """Predictions as a curve with a band; as points where one x has several, of other sizes."""
    values = [value for _, value in points]
    x, y = tuple(x for x, _ in points), tuple(v.value for v in values)
    if len(set(x)) < len(x):
        return Series(name, x, y, "points", 0)
    low = tuple(v.value if v.low is None else v.low for v in values)
    high = tuple(v.value if v.high is None else v.high for v in values)
    return Series(name, x, y, "curve", 0, low=low, high=high)
