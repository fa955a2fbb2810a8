"""Fits a law to a table: parameters, a check on held-out sizes, predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from mutransfer_cli.catalog.laws import LawEntry
from mutransfer_cli.documents.law import (
    HeldOut,
    LawCurve,
    LawDocument,
    LawPicture,
    Prediction,
    QuantityScore,
)
from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.fit.law.held_out import (
    distinct,
    held_by_condition,
    largest_sizes,
    score_of,
    without,
)
from mutransfer_cli.fit.law.law_table import law_table
from mutransfer_cli.fit.law.run_columns import RunColumns, known_name
from mutransfer_cli.surface.laws.law_form import (
    FittedLaw,
    LawForm,
    LawOptions,
    LawTable,
    Picture,
    Score,
    Series,
)

MOST_POINTS = 1000  # of a curve in the document


@dataclass(frozen=True)
class LawRequest:
    """What a user wants to know.

    Attributes:
        form: The form's row in the catalog.
        options: Confidence, refits, seed.
        hold_out: Condition on the rows to hold out; None for the largest sizes.
        at: Sizes to predict.
        along: Sizes of the law that the user names.
        of: Hyperparameters that the user names.
        best: Whether a law of the loss is fitted to the best run of each size alone.
    """

    form: LawEntry
    options: LawOptions = field(default_factory=LawOptions)
    hold_out: str | None = None
    at: tuple[Mapping[str, float], ...] = ()
    along: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    best: bool = False


@dataclass(frozen=True)
class LawResult:
    """A fitted law and its document."""

    law: FittedLaw
    document: LawDocument


def fit_law(runs: RunColumns, request: LawRequest) -> LawResult:
    """Fit a law.

    With a condition, the law is fitted to the rows that do not meet it. Without one it is fitted to
    all rows, and a second fit without the largest sizes is checked on these.

    Raises:
        InputError: The table or an option is wrong.
        Inconclusive: The runs do not determine the law.
    """
    try:
        return law_of(runs, request, further=True)
    except Inconclusive as error:
        named = named_alone(runs, request)
        if named is None:
            raise
        result, left = named
        note = f"{', '.join(left)}: searched at each size too, but not fitted jointly: {error}"
        document = result.document.model_copy(update={"notes": (*result.document.notes, note)})
        return replace(result, document=document)


def named_alone(runs: RunColumns, request: LawRequest) -> tuple[LawResult, list[str]] | None:
    """The law of the hyperparameters that the form and the user name, and those left out.

    Args:
        runs: The table.
        request: What is asked.

    Returns:
        None where there are no others, so that nothing is left out.
    """
    every, named = (
        law_table(runs, request.form, along=request.along, of=request.of, further=further)[
            0
        ].hyperparameters
        for further in (True, False)
    )
    left = [name for name in every if name not in named]
    return (law_of(runs, request, further=False), left) if left else None


def law_of(runs: RunColumns, request: LawRequest, *, further: bool) -> LawResult:
    """The law and its document.

    Args:
        runs: The table.
        request: What is asked.
        further: Whether hyperparameters that nobody names are fitted jointly.

    Raises:
        InputError: The table or an option is wrong.
        Inconclusive: The runs do not determine the law.
    """
    table, notes = law_table(
        runs, request.form, along=request.along, of=request.of, best=request.best, further=further
    )
    form: LawForm = request.form.load()
    asked = [sizes_asked(sizes, table) for sizes in request.at]
    if request.hold_out is not None:
        held = held_by_condition(request.hold_out, table, runs)
        law = form.fit(table.rows(~held), request.options)
        tested, rule = law, request.hold_out
        notes = (*notes, f"fitted to the {int((~held).sum())} rows that were not held out")
    else:
        law = form.fit(table, request.options)
        held = largest_sizes(form, table)
        checked = without(form, table, held, request.options)
        tested, rule = checked or law, "the largest sizes, in a second fit without them"
        if checked is None:
            held = np.zeros(len(table), dtype=bool)
            notes = (*notes, "no held-out check: the other sizes alone do not determine the law")
    score = score_of(tested, table.rows(held)) if held.any() else None
    predictions = [prediction(law, sizes) for sizes in asked]
    if held.any():
        predictions += [prediction(tested, sizes) for sizes in distinct(form, table.rows(held))]
    document = LawDocument(
        source=runs.source,
        form=request.form.name,
        confidence=request.options.confidence,
        sizes=table.sizes,
        parameters={
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in law.parameters.items()
        },
        points=law.points,
        residual=law.residual,
        held_out=None if score is None else document_of(score, rule),
        predictions=tuple(predictions),
        pictures=tuple(map(picture_of, law.pictures())),
        method=law.method,
        unidentified=law.unidentified,
        notes=(*runs.notes, *notes, *law.notes),
    )
    return LawResult(law, document)


def sizes_asked(sizes: Mapping[str, float], table: LawTable) -> dict[str, float]:
    """The sizes to predict, in the law's order.

    Raises:
        InputError: A size is missing, unknown or not positive.
    """
    text = ",".join(f"{name}={value:g}" for name, value in sizes.items())
    known = dict.fromkeys(table.sizes)
    sizes = {known_name(name, known): value for name, value in sizes.items()}
    for name in table.sizes:
        if name not in sizes:
            raise InputError(
                f"--at {text}: {name} is missing; the law needs {', '.join(table.sizes)}"
            )
        if sizes[name] <= 0:
            raise InputError(f"--at {text}: {name}: expected a positive number")
    for name in sizes:
        if name not in table.sizes:
            raise InputError(f"--at {text}: the law does not depend on {name}, but on "
                             f"{', '.join(table.sizes)}")  # fmt: skip
    return {name: sizes[name] for name in table.sizes}


def prediction(law: FittedLaw, sizes: Mapping[str, float]) -> Prediction:
    """A row of the document: the sizes, then what is predicted there."""
    return {**sizes, **law.predict(sizes)}


def picture_of(picture: Picture) -> LawPicture:
    """What a plot shows, with at most so many points in a curve."""
    return LawPicture(
        x_name=picture.x_label,
        y_name=picture.y_label,
        points=tuple(map(curve_of, picture.points)),
        lines=tuple(map(curve_of, picture.lines)),
    )


def curve_of(series: Series) -> LawCurve:
    """A curve in the order of x; of many points, evenly spaced ones."""
    order = np.argsort(series.x, kind="stable")[:: -(-len(series.x) // MOST_POINTS) or 1]
    low, high = series.low, series.high
    return LawCurve(
        name=series.label,
        x=tuple(map(float, series.x[order])),
        y=tuple(map(float, series.y[order])),
        low=None if low is None else tuple(map(float, low[order])),
        high=None if high is None else tuple(map(float, high[order])),
    )


def document_of(score: Score, rule: str) -> HeldOut:
    """The document's form of a score."""
    return HeldOut(
        rule=rule,
        points=score.points,
        inside=score.inside,
        error=score.error,
        regret=score.regret,
        by_quantity={
            name: QuantityScore(points=own.points, inside=own.inside, error=own.error)
            for name, own in score.by_quantity.items()
        },
    )


def parse_sizes(text: str) -> dict[str, float]:
    """`params=7e9,tokens=1e12` as numbers.

    Raises:
        InputError: The text is something else.
    """
    sizes = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        try:
            sizes[name.strip()] = float(number)
        except ValueError:
            raise InputError(
                f"--at {text}: expected sizes such as params=7e9,tokens=1e12, found {part!r}"
            ) from None
    return sizes
