"""The document of `fit` from the answers of a study."""

from __future__ import annotations

from collections.abc import Mapping

from mutransfer_cli.documents.decision import (
    Assumption,
    Decided,
    Ignored,
    TargetVerdict,
    TransferCost,
)
from mutransfer_cli.documents.fit import FitDocument, Rung, Sizes
from mutransfer_cli.fit.axes_document import axes_document
from mutransfer_cli.fit.decision.answers import Answers
from mutransfer_cli.fit.decision.lowest_regret import Choice
from mutransfer_cli.fit.decision.rungs.rung_answers import RungAnswer, judged_rungs
from mutransfer_cli.fit.decision.wording import percent, rungs_text, size_text
from mutransfer_cli.fit.study.size_axes import sizes_of
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.transfer.quality_document import quality_of
from mutransfer_cli.interval import Interval

METHOD = "response surface"


def answer_document(answers: Answers, source: str) -> FitDocument:
    """The document of `fit`.

    Args:
        answers: What the study answers.
        source: Origin of the runs.
    """
    fitted, choice, best = answers.fitted, answers.choice, answers.source
    axes = {} if fitted is None else axes_document(fitted, answers.rungs)
    width = axes.get("width")
    return FitDocument(
        source=source,
        confidence=answers.question.confidence,
        tolerance=answers.question.tolerance,
        verdict=answers.verdict,
        reason=answers.reason,
        drift_verdict=answers.drift_verdict,
        target_verdict=_target_verdict(answers),
        target=None if answers.target is None else sizes_document(answers.target),
        decision=None if choice is None else _decision(choice),
        choice_reason=None if choice is None else choice_reason(answers, choice),
        transfer=tuple(
            TransferCost(at=c.where, **c.cost.model_dump()) for c in answers.costs
        ),
        rungs=tuple(_rung(answers, answer) for answer in answers.rungs),
        axes=axes,
        drift=width.drift.get("lr") if width else None,
        regret=width.regret if width else (),
        entanglement=None if fitted is None else _entanglement(fitted),
        quality=None if fitted is None else quality_of(fitted, _unresolved(answers, fitted)),
        assumptions=_assumptions(answers),
        method=METHOD,
        ignored=_ignored(answers),
        source_rung=None if best is None else sizes_document(best.sizes),
        hyperparameters={} if choice is None else choice.hyperparameters,
        noise=None if fitted is None else fitted.noise,
        notes=answers.notes,
    )  # fmt: skip


def sizes_document(sizes: Mapping[str, float]) -> Sizes:
    """Sizes with their names."""
    return Sizes.model_validate(
        {name: int(s) if float(s).is_integer() else s for name, s in sizes.items()}
    )


def _target_verdict(answers: Answers) -> TargetVerdict | None:
    """The verdict on the transfer to the target alone."""
    there = answers.target_verdict
    if there is None:
        return None
    return TargetVerdict(
        at=there.cost.where,
        **there.cost.cost.model_dump(),
        verdict=there.verdict,
        reason=there.reason,
        counted=there.counted,
    )


def choice_reason(answers: Answers, choice: Choice) -> str:
    """Why these hyperparameters were chosen."""
    where = size_text(choice.sizes, answers.axes)
    target = "the target" if answers.target is not None else "the largest rung with an optimum"
    return f"lowest expected regret at {target} ({where}): {percent(choice.regret)} of the loss"


def _decision(choice: Choice) -> dict[str, Interval | Decided]:
    """The decision of every hyperparameter, and the regret of all."""
    decided: dict[str, Interval | Decided] = {
        name: Decided.model_validate(
            {
                **chosen.value.model_dump(),
                "cost_of_half": chosen.cost_of_half,
                "cost_of_double": chosen.cost_of_double,
                "costs": chosen.costs,
                "at_end": chosen.at_end,
            }
        )
        for name, chosen in choice.values.items()
    }
    return {**decided, "regret": choice.regret}


def _rung(answers: Answers, answer: RungAnswer) -> Rung:
    """The document of a rung."""
    smallest, extra = judged_rungs(answers.rungs)[0], None
    if answer is not smallest and answer.comparable and smallest.comparable and answers.fitted:
        extra = answers.fitted.transfer_regret(smallest.sizes, answer.sizes)
    return Rung(
        **dict(sizes_document(answer.sizes)),
        optimum=answer.optimum,
        loss=answer.loss,
        at_edge=bool(answer.at_end),
        points=answer.points,
        censored=answer.censored,
        pruned=answer.pruned,
        extra_loss=extra,
        seeds=answer.seeds,
        note=answer.note,
    )


def _unresolved(answers: Answers, fitted: StudySurface) -> str | None:
    """Why optima of the fitted rungs are not resolved; None where all are."""
    inside = [dict(sizes) for sizes in fitted.study.rungs]
    unresolved = [r for r in answers.rungs if dict(r.sizes) in inside and not r.resolved]
    if unresolved:
        return (
            f"optima are not resolved at {rungs_text([r.sizes for r in unresolved], answers.axes)}"
        )
    if fitted.held:
        names = ", ".join(fitted.names[j] for j in fitted.held)
        return f"{names} is best at 0, which has no octaves"
    return None


def _entanglement(fitted: StudySurface) -> dict[str, dict[str, Interval]] | None:
    """The matrix by the names of its hyperparameters; None for one hyperparameter."""
    if len(fitted.names) < 2:
        return None
    return {
        name: dict(zip(fitted.names, row, strict=True))
        for name, row in zip(fitted.names, fitted.entanglement, strict=True)
    }


def _assumptions(answers: Answers) -> tuple[Assumption, ...]:
    """The rules that the decision rests on."""
    return tuple(
        Assumption(
            axis=rule.axis,
            ratio=rule.ratio,
            rule=rule.rule,
            source=rule.source,
            rivals={name: {"lr": lr} for name, lr in rule.rivals.items()},
            settle=rule.settle,
        )
        for rule in answers.assumed
    )


def _ignored(answers: Answers) -> tuple[Ignored, ...]:
    """The runs and rungs that were not used."""
    if answers.fitted is None:
        return ()
    study = answers.fitted.study
    runs = [Ignored(what="runs", name=f"{i.count} runs", reason=i.reason) for i in answers.ignored]
    runs += [
        Ignored(
            what="runs",
            name=f"{size_text(sizes_of(o), answers.axes)}, lr {o.lr:.4g}, seed {o.seed}",
            reason=f"outlier: the other runs contradict its loss of {o.loss:.4g}",
        )
        for o in answers.fitted.outliers
    ]
    left = [
        Ignored(
            what="rung",
            name=size_text(rung.sizes, answers.axes),
            reason="no run finished"
            if rung.end is None
            else f"the loss is lowest at the {rung.end} end of the values that were run",
        )
        for rung in (*study.unfinished_rungs, *study.open_rungs)
    ]
    return (*runs, *left)
