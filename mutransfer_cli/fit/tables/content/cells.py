"""What a cell of a table says: a number, a mean with its deviation, a failure, nothing, or text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

DIVERGED = {"diverged", "diverges", "diverge", "divergent", "divergence", "exploded", "explodes"}
DIVERGED |= {"div.", "blew up", "blown up", "divergiert", "#num!", "#div/0!"}
NOT_FINITE = {"nan", "-nan", "inf", "-inf", "infinity", "-infinity", "∞"}
DIVERGED_AT = re.compile(r"(?:diverged|exploded|nan)\s*(?:[(@]|at\b|after\b|in\b)")
MISSING = {"", "-", "--", "---", "n/a", "na", "#n/a", "<na>", "none", "null", "nil", "?", "tbd"}
MISSING |= {"missing", "nat", ".", "n.a."}
FAILED = {"oom", "out of memory", "cuda oom", "cuda out of memory", "outofmemoryerror", "crashed"}
FAILED |= {"crash", "failed", "fail", "failure", "error", "killed", "running", "pending", "queued"}
FAILED |= {"waiting", "scheduled", "preempted", "preempting", "timeout", "timed out", "cancelled"}
FAILED |= {"canceled", "aborted", "interrupted", "stopped", "unfinished"}

SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12, "%": 1e-2}
DASHES = str.maketrans("−–—‑", "----")
SUPERSCRIPTS = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
PLAIN_DIGITS = str.maketrans(SUPERSCRIPTS, "-0123456789")

NUMBER = r"[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
WITH_SUFFIX = re.compile(rf"({NUMBER})\s*([kKmMbBgGtT%]?)")
THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
# of plain spaces 1 000 000 alone: 64 128 may be two numbers
SPACED = re.compile(r"[+-]?\d{1,3}(?:(?: 000)+|(?:[\u00a0\u2009\u202f'’]\d{3})+(?:\.\d+)?)")
POINT_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?")
COUNTED = re.compile(  # 2.5B tokens
    r"(.*\d\s*[kKmMbBgGtT]?)\s*(?:tokens?|toks?|params?|parameters?|steps?|iters?|iterations?|"
    r"sequences?|seqs?|examples?|samples?|flops?)",
    re.IGNORECASE,
)
POWER = re.compile(
    rf"(?:({NUMBER})\s*(?:[x×·⋅]|\*(?!\*)|\\times|\\cdot)\s*)?(\d+(?:\.\d+)?)\s*(?:\^|\*\*)\s*"
    r"[({]?\s*([+-]?\d+(?:\.\d+)?)\s*[)}]?"
)
FRACTION = re.compile(r"(\d+)\s*/\s*(\d+)")
PLUS_MINUS = re.compile(r"(.+?)\s*(?:±|\+/-|\+-|\\pm)\s*(.+)")
IN_BRACKETS = re.compile(r"(.+?)\s*\(\s*±?\s*([^()]+?)\s*\)")
COMMA_DECIMAL = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+),\d+(?:[eE][+-]?\d+)?")


class Spread(NamedTuple):
    """The mean of several runs and their standard deviation, as in `2.31 ± 0.02`."""

    mean: float
    deviation: float


class Failure(str):
    """The word by which a cell marks a run without a result, such as `OOM`."""


# A NaN is the mark of a diverged run, None a missing cell.
Value: TypeAlias = float | Spread | Failure | str | None


def cell_value(cell: object) -> Value:
    """What a cell says.

    Returns:
        A finite number; NaN where a run diverged (also `inf` and numbers beyond the range of
        floats); None for a missing cell; a `Spread`; a `Failure`; or else the text.
    """
    if isinstance(cell, str):
        try:
            number = float(cell)
        except ValueError:
            return text_value(cell)
        return number if math.isfinite(number) else math.nan
    if cell is None or isinstance(cell, Spread):
        return cell
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return str(cell)
    try:
        number = float(cell)
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def decimal_comma_value(cell: object) -> Value:
    """What a cell says in a table that writes the decimal point as a comma."""
    if isinstance(cell, str) and ("," in cell or "." in cell):
        text = cell.strip()
        if POINT_THOUSANDS.fullmatch(text) or "," in text:
            value = cell_value(re.sub(r"\.(?=\d{3})", "", text).replace(",", "."))
            return cell if isinstance(value, str) else value
    return cell_value(cell)


def absent(value: Value) -> bool:
    """Whether a cell holds neither a number nor text: a missing one, a NaN or a failure."""
    return value is None or isinstance(value, Failure) or (type(value) is float and value != value)


def value_reader(*, decimal_comma: bool) -> Callable[[object], Value]:
    """The function that reads the cells of a table; cells with the same text are read once."""
    read = decimal_comma_value if decimal_comma else cell_value
    known: dict[object, Value] = {}

    def remember(cell: object) -> Value:
        if type(cell) is not str:
            return read(cell)
        if cell not in known:
            known[cell] = read(cell)
        return known[cell]

    return remember


def text_value(cell: str) -> Value:
    """What a text says that is no plain number."""
    text = cell.strip().strip("$").strip().translate(DASHES)
    word = text.lower()
    if word in MISSING:
        return None
    if word in DIVERGED or word == "∞" or DIVERGED_AT.match(word):
        return math.nan
    if word in FAILED:
        return Failure(text)
    number = number_of(text)
    if number is not None:
        return number
    if text.startswith(">") and number_of(text[1:]) is not None:
        return math.nan  # a loss beyond what was worth stating
    for pattern in (PLUS_MINUS, IN_BRACKETS):
        match = pattern.fullmatch(text)
        if match:
            mean, deviation = number_of(match[1]), number_of(match[2])
            if match[1].strip().lower() in DIVERGED | NOT_FINITE:
                return math.nan
            if mean is not None and match[2].strip().lower() in MISSING | NOT_FINITE:
                return mean  # the deviation of a single run
            if mean is not None and deviation is not None:
                if pattern is IN_BRACKETS and match[2].isdigit() and "." in match[1]:
                    # 2.31(2) states the deviation in units of the last digit
                    deviation *= 10.0 ** -len(match[1].strip().partition(".")[2])
                return Spread(mean, deviation)
    return cell.strip()


def number_of(text: str) -> float | None:
    """A number in a notation of people: `2^-10`, `1,024`, `125M`, `2B tokens`, `1/64`, `5 %`."""
    text = text.strip().translate(DASHES).lstrip("~≈ ").rstrip("*†‡ ")
    counted = COUNTED.fullmatch(text)
    if counted:
        text = counted[1].strip()
    if THOUSANDS.fullmatch(text):
        return finite(text.replace(",", ""))
    if SPACED.fullmatch(text):
        return finite(re.sub(r"[^\d.+-]", "", text))
    if any(digit in SUPERSCRIPTS for digit in text):
        text = re.sub(
            rf"[{SUPERSCRIPTS}]+", lambda found: "^" + found[0].translate(PLAIN_DIGITS), text
        )
    match = WITH_SUFFIX.fullmatch(text)
    if match:
        number = finite(match[1])
        return None if number is None else number * SUFFIXES[match[2].lower()]
    match = POWER.fullmatch(text)
    if match:
        try:
            return float(match[1] or 1) * math.pow(float(match[2]), float(match[3]))
        except (OverflowError, ValueError):
            return None
    match = FRACTION.fullmatch(text)
    if match and int(match[2]):
        return int(match[1]) / int(match[2])
    return None


def finite(text: str) -> float | None:
    """The number that a text holds; None if it holds no finite number."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
