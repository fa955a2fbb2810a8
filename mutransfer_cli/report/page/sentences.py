"""The three sentences at the top of a page: the question, the answer, and what to do next."""

from __future__ import annotations

from mutransfer_cli.documents.fit import FitDocument, Sizes
from mutransfer_cli.fit.decision.wording import size_text, spoken


def question(document: FitDocument, trials: int, setup: str) -> str:
    """What was asked, and from what it is answered.

    Args:
        document: The fit.
        trials: Number of trials.
        setup: Parameterization and optimizer; empty where they are not known.
    """
    names = [spoken(name) for name in document.decided] or ["learning rate"]
    what = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    place = "the largest rung"
    if document.target is not None:
        place = f"the target ({sizes_text(document.target, document)})"
    of = f" under {setup}" if setup else ""
    count = f"{trials} trials on {len(document.rungs)} {plural('rung', len(document.rungs))}"
    return f"Which {what} for {place}{of}? Answered from {count}."


def plural(word: str, count: int) -> str:
    """A word in the plural unless there is one."""
    return word if count == 1 else f"{word}s"


def sizes_text(sizes: Sizes, document: FitDocument) -> str:
    """The sizes along which a target differs from some rung, or all that are known."""
    known = {n: float(v) for n, v in dict(sizes).items() if v is not None}
    differ = [n for n, v in known.items() if any(getattr(r, n, None) != v for r in document.rungs)]
    return size_text(known, differ or known)


def answer(document: FitDocument) -> str:
    """The choice, with its interval where there is one, and what it rests on."""
    if document.decision is None:
        return "No value can be recommended: no rung has an optimum inside the values that ran."
    values = []
    for name, decided in document.decided.items():
        text = f"{spoken(name)} {decided.value:.4g}"
        if decided.low is not None and decided.high is not None:
            text += f" (optimum {decided.low:.4g} to {decided.high:.4g})"
        values.append(text)
    reason = f": {document.choice_reason}" if document.choice_reason else ""
    return f"Set {', '.join(values)}{reason}."


def next_step(document: FitDocument, source: str, is_run: bool) -> str:
    """What to do next.

    Args:
        document: The fit.
        source: The run or table, as it is named on the command line.
        is_run: Whether it is a run, which holds the recipe that a configuration needs.
    """
    planned = source if is_run else "RECIPE --fit FIT"
    there = document.separate_target
    if document.verdict == "fails":
        return (
            "Do not transfer the smallest rung's optimum as it is: use the choice above, which "
            "follows the drift, and check the parameterization with `mutransfer check`."
        )
    if document.verdict == "inconclusive":
        return f"Before you rely on it: {document.reason}."
    if there is not None and there.verdict != "holds":
        return f"Before the large run: {there.reason}."
    if document.target is None:
        return (
            f"Name the large run: `mutransfer fit {source} --width N`, then `mutransfer scale "
            f"{planned} --width N` writes its configuration."
        )
    return f"Write the configuration: `mutransfer scale {planned} --format FORMAT -o FILE`."
