"""Fits a study: each axis of its ladder separately, then one document for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.documents.fit import Axis, FitDocument, Ignored, Line, Regret, Rung, SourceRung
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.axis_lines import RungSize, axis_lines, by_name, in_order, rung_size
from mutransfer_cli.fit.tables.content.understanding import Understanding
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.curves.ladder_fit import LadderFit, TransferVerdict, fit_ladder
from mutransfer_cli.surface.curves.rung_optima import RungFit
from mutransfer_cli.surface.observation import Observation


@dataclass(frozen=True)
class FittedRung:
    """One rung of a study: its sizes, and its fit in the ladder of one axis.

    Attributes:
        size: Sizes of the rung, in the order of `RUNG_SIZES`.
        fit: Curve and optimum of the rung.
        ladder: The ladder in which the rung was fitted, for the transform of its losses.
    """

    size: RungSize
    fit: RungFit
    ladder: LadderFit


@dataclass(frozen=True)
class StudyFit:
    """The fits of all ladders of a study.

    Attributes:
        source: Origin of the observations.
        confidence: Confidence level of all intervals.
        ladders: The fit along each axis, in the order of the axes.
        sizes: For each axis, the sizes of its rungs by their size along the axis.
        unfinished: What remains to be done if the sweep is unfinished, else None.
        understanding: For a table, what was understood of it.
    """

    source: str
    confidence: float
    ladders: dict[str, LadderFit]
    sizes: dict[str, dict[float, RungSize]]
    unfinished: str | None = None
    understanding: Understanding | None = None

    @property
    def rungs(self) -> list[FittedRung]:
        """Every rung once, small to large; for the base, its fit along the first axis."""
        rungs: dict[RungSize, FittedRung] = {}
        for axis, ladder in self.ladders.items():
            for along, fit in ladder.rungs.items():
                size = self.sizes[axis][along]
                rungs.setdefault(size, FittedRung(size, fit, ladder))
        return [rungs[size] for size in sorted(rungs, key=in_order)]

    @property
    def main(self) -> LadderFit:
        """The ladder that gives the hyperparameters: along the width, if the width varies."""
        return next(iter(self.ladders.values()))

    @property
    def verdict(self) -> TransferVerdict:
        """The worst verdict of all axes."""
        order: tuple[TransferVerdict, ...] = ("fails", "inconclusive", "holds")
        return min((ladder.verdict for ladder in self.ladders.values()), key=order.index)

    @property
    def reason(self) -> str:
        """The reasons of all axes.

        If the sweep is unfinished, that is the reason for an inconclusive verdict, rather than
        anything that could be changed in the recipe.
        """
        if self.unfinished is not None and self.verdict == "inconclusive":
            return self.unfinished
        if list(self.ladders) == [SIZES[0]]:
            return self.main.reason
        return "; ".join(
            f"{axis} {ladder.verdict}: {ladder.reason}" for axis, ladder in self.ladders.items()
        )

    def document(self) -> FitDocument:
        """The fit as the document of `fit`."""
        width = self.ladders.get(SIZES[0])
        source = self.main.source
        return FitDocument(
            source=self.source,
            confidence=self.confidence,
            verdict=self.verdict,
            reason=self.reason,
            rungs=tuple(rung_document(rung) for rung in self.rungs),
            axes={axis: axis_document(ladder) for axis, ladder in self.ladders.items()},
            drift=width.line.drift if width and width.line else None,
            regret=regret_documents(width) if width else (),
            source_rung=SourceRung.model_validate(by_name(self.sizes[self.main.axis][source]))
            if source is not None
            else None,
            hyperparameters=self.main.hyperparameters,
            noise=self.main.noise,
            used=dict(self.understanding.used) if self.understanding else {},
            ignored=ignored_documents(self.understanding) if self.understanding else (),
            notes=self.notes,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Caveats: what is unfinished, and what was assumed of a table."""
        unfinished = () if self.unfinished is None else (self.unfinished,)
        read = self.understanding
        return unfinished if read is None else (*unfinished, *read.notes, *read.row_lines)


def fit_study(
    observations: Sequence[Observation],
    *,
    confidence: float = 0.95,
    source: str = "",
    base: RungSize | None = None,
) -> StudyFit:
    """Fit the ladder along each axis.

    Args:
        observations: Runs at any sizes.
        confidence: Confidence level of all intervals, between 0 and 1.
        source: Origin of the observations, for messages.
        base: The rung at which the axes cross; by default the one with the most others along axes.

    Raises:
        InputError: There are no observations, or no two rungs are on one axis.
    """
    if not observations:
        raise InputError(f"{source}: holds no finished or diverged trial; run the sweep first")
    lines = axis_lines(observations, base)
    if not lines:
        raise InputError(f"{source}: no two of its rungs differ along a single axis")
    return StudyFit(
        source=source,
        confidence=confidence,
        ladders={
            axis: fit_ladder(line, axis=axis, confidence=confidence) for axis, line in lines.items()
        },
        sizes={axis: {o.along(axis): rung_size(o) for o in line} for axis, line in lines.items()},
    )


def fit(
    observations: Sequence[Observation],
    *,
    confidence: float = 0.95,
    source: str = "",
    base: RungSize | None = None,
) -> FitDocument:
    """The document of `fit_study`, with the same arguments.

    Args:
        observations: Runs at any sizes.
        confidence: Confidence level of all intervals, between 0 and 1.
        source: Origin of the observations, for messages.
        base: The rung at which the axes cross; by default the one with the most others along axes.
    """
    return fit_study(observations, confidence=confidence, source=source, base=base).document()


def ignored_documents(understanding: Understanding) -> tuple[Ignored, ...]:
    """The rows and columns of a table that were not used."""
    columns = [Ignored(what="column", name=c.name, reason=c.reason) for c in understanding.columns]
    rows = [Ignored(what="row", name=r.position, reason=r.reason) for r in understanding.rows]
    return (*columns, *rows)


def rung_document(rung: FittedRung) -> Rung:
    """The document of a rung, with its optimum as learning rates."""
    fit, optimum = rung.fit, None
    if fit.optimum is not None and fit.curve is not None:
        optimum = {"lr": fit.optimum.exp2()}
        optimum |= {name: Interval(value=value) for name, value in fit.curve.setting.items()}
    return Rung.model_validate(
        {
            **by_name(rung.size),
            "optimum": optimum,
            "loss": fit.loss,
            "at_edge": fit.at_edge,
            "points": fit.points,
            "censored": fit.censored,
            "pruned": fit.pruned,
            "note": fit.note,
        }
    )


def axis_document(ladder: LadderFit) -> Axis:
    """The document of an axis: its drift and regret."""
    line = ladder.line
    return Axis(
        drift=line.drift if line else None,
        regret=regret_documents(ladder),
        line=Line(size=line.center, lr=line.lr) if line else None,
    )


def regret_documents(ladder: LadderFit) -> tuple[Regret, ...]:
    """The regret at each larger rung of one axis."""
    return tuple(
        Regret(
            size=regret.size,
            value=regret.cost.value if regret.cost else None,
            low=regret.cost.low if regret.cost else None,
            high=regret.cost.high if regret.cost else None,
            note=regret.note,
        )
        for regret in ladder.regrets
    )
