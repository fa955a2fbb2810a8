"""Fits a study: one response surface for all its runs, and every answer from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.documents.decision import Ignored
from mutransfer_cli.documents.fit import Against, FitDocument
from mutransfer_cli.documents.quality import ProxyAdvice
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.answer_document import answer_document, sizes_document
from mutransfer_cli.fit.decision.answering import answer
from mutransfer_cli.fit.decision.answers import Answers, Question
from mutransfer_cli.fit.decision.transfer import Verdict
from mutransfer_cli.fit.rung_curves import RungCurve, rung_curves
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.tables.content.understanding import Understanding
from mutransfer_cli.fit.transfer.comparison import compare
from mutransfer_cli.fit.transfer.embedding_rule import embedding_rule
from mutransfer_cli.fit.transfer.proxy_advice import proxy_advice
from mutransfer_cli.fit.transfer.rung_hygiene import column_notes, confounded_notes, hygiene_notes
from mutransfer_cli.surface.observation import Observation


@dataclass(frozen=True)
class StudyFit:
    """The fit of a study.

    Attributes:
        source: Origin of the observations.
        observations: All runs.
        answers: What they answer.
        unfinished: What remains to be done if the sweep is unfinished, else None.
        understanding: For a table, what was understood of it.
        caveats: What the recipe of a run says against comparing its rungs.
        embedding_exponent: Exponent of the width in the rate of embeddings under which the runs
            were made, relative to mup; None: unknown.
    """

    source: str
    observations: tuple[Observation, ...] = field(repr=False)
    answers: Answers = field(repr=False)
    unfinished: str | None = None
    understanding: Understanding | None = None
    caveats: tuple[str, ...] = ()
    embedding_exponent: float | None = None

    @property
    def surface(self) -> StudySurface | None:
        """The response surface; None if no run finished."""
        return self.answers.fitted

    @property
    def confidence(self) -> float:
        """Confidence level of all intervals."""
        return self.answers.question.confidence

    @cached_property
    def curves(self) -> list[RungCurve]:
        """The loss curves of all rungs along the learning rate."""
        return rung_curves(self.observations, self.answers.rungs)

    @property
    def verdict(self) -> Verdict:
        """Whether the smallest rung's optimum transfers at the tolerated cost."""
        return self.answers.verdict

    @property
    def reason(self) -> str:
        """The reason for the verdict.

        If the sweep is unfinished, that is the reason for an inconclusive verdict, rather than
        anything that could be changed in the recipe.
        """
        if self.unfinished is not None and self.verdict == "inconclusive":
            return self.unfinished
        return self.answers.reason

    @property
    def hygiene(self) -> tuple[str, ...]:
        """What makes rungs hard to compare."""
        confounded = (*confounded_notes(self.observations), *column_notes(self.understanding))
        return (*self.caveats, *confounded, *hygiene_notes(self.surface, self.answers.rungs))

    def advice(self) -> tuple[ProxyAdvice, ...]:
        """Proxies for the target, by cost.

        Raises:
            InputError: No target is named, or no run finished.
        """
        target = self.answers.target
        if target is None:
            raise InputError("--advise: for which target? Name its sizes, such as --width 4096")
        if self.surface is None:
            raise InputError(f"{self.source}: --advise: no run finished")
        return proxy_advice(self.surface, target, self.answers.question.tolerance)

    def against(self, other: StudyFit) -> Against:
        """The comparison with other runs, at this study's target or its largest rung.

        Raises:
            InputError: No run finished on one side, or the two cannot be compared.
        """
        for side in (self, other):
            if side.surface is None:
                raise InputError(f"{side.source}: --against: no run finished")
        assert self.surface is not None and other.surface is not None
        found = compare(
            self.surface,
            other.surface,
            self.answers.target,
            (self.source, other.source),
            self.answers.question.tolerance,
        )
        return Against(
            fit=other.document(),
            target=sizes_document(found.target),
            unit=found.rule.unit,
            differences=found.differences,
            curve=found.curve,
            conclusion=found.conclusion,
            reasons=found.reasons,
        )

    def document(self) -> FitDocument:
        """The fit as the document of `fit`."""
        document = answer_document(self.answers, self.source)
        read = self.understanding
        unfinished = () if self.unfinished is None else (self.unfinished,)
        table_notes = () if read is None else (*read.notes, *read.row_lines)
        there = document.target_verdict
        if self.unfinished is not None and there is not None and there.verdict == "inconclusive":
            there = there.model_copy(update={"reason": self.unfinished})
        return document.model_copy(
            update={
                "target_verdict": there,
                "reason": self.reason,
                "embedding_rule": None
                if self.embedding_exponent is None
                else embedding_rule(document, self.embedding_exponent),
                "used": {} if read is None else dict(read.used),
                "ignored": (*ignored_documents(read), *document.ignored),
                "notes": (*unfinished, *table_notes, *document.notes, *self.hygiene),
            }
        )


def fit_study(
    observations: Sequence[Observation],
    *,
    question: Question | None = None,
    confidence: float = CONFIDENCE,
    source: str = "",
) -> StudyFit:
    """Fit a study.

    Args:
        observations: Runs at any sizes.
        question: What is asked; by default everything at the largest rung.
        confidence: Confidence level of all intervals where no question is given.
        source: Origin of the observations, for messages.

    Raises:
        InputError: There are no observations, or the target lacks a size.
    """
    if not observations:
        raise InputError(f"{source}: holds no finished or diverged trial; run the sweep first")
    asked = question or Question(confidence=confidence)
    return StudyFit(source, tuple(observations), answer(observations, asked))


def fit(
    observations: Sequence[Observation],
    *,
    confidence: float = CONFIDENCE,
    source: str = "",
) -> FitDocument:
    """The document of `fit_study`, with the same arguments.

    Args:
        observations: Runs at any sizes.
        confidence: Confidence level of all intervals, between 0 and 1.
        source: Origin of the observations, for messages.
    """
    return fit_study(observations, confidence=confidence, source=source).document()


def ignored_documents(understanding: Understanding | None) -> tuple[Ignored, ...]:
    """The rows and columns of a table that were not used."""
    if understanding is None:
        return ()
    columns = [Ignored(what="column", name=c.name, reason=c.reason) for c in understanding.columns]
    rows = [Ignored(what="row", name=r.position, reason=r.reason) for r in understanding.rows]
    return (*columns, *rows)
