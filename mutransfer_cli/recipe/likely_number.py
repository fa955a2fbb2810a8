"""What somebody meant who wrote a text or a list where a recipe has a number."""

from __future__ import annotations

import math
import re

from mutransfer_cli.recipe.schema_types import KeyPath

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
THOUSANDS = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12}
SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "minutes": 60, "h": 3600, "hours": 3600}
SECONDS |= {"d": 86400, "days": 86400}
UNIT: dict[KeyPath, int] = {("search", "budget", "minutes"): 60, ("search", "timeout"): 1}
"""By key that is a time, its unit in seconds."""
NOTHING = frozenset({"none", "no", "off", "nil", "auto", "default"})
SEEDS: KeyPath = ("search", "seeds")


def likely_number(path: KeyPath, value: object, nullable: bool) -> str:
    """The end of a message, such as `; write 1000`; empty where nothing is likely.

    Args:
        path: The key whose value should be a number.
        value: What stands there.
        nullable: Whether null may stand there.
    """
    if path == SEEDS and isinstance(value, list) and value:
        return f"; write {len(value)}, how many"
    if not isinstance(value, str):
        return ""
    text = value.strip()
    if text.lower() in NOTHING:
        return "; write null" if nullable else ""
    number = number_of(text)
    if path in UNIT and number is None:
        seconds = seconds_of(text)
        number = None if seconds is None else seconds / UNIT[path]
    return "" if number is None else f"; write {as_yaml(number)}"


def number_of(text: str) -> float | None:
    """The number that 1k, 20B, 1,000, 10%, 1/8, 2^-7 or 2**-7 stands for, else None."""
    text = text.replace(" ", "")
    if match := re.fullmatch(rf"({NUMBER})([kKMBGT])", text):
        return float(match[1]) * THOUSANDS[match[2]]
    if match := re.fullmatch(rf"({NUMBER})%", text):
        return float(match[1]) / 100
    if re.fullmatch(r"\d{1,3}(,\d{3})+", text):
        return float(text.replace(",", ""))
    if match := re.fullmatch(rf"({NUMBER})(/|\^|\*\*)({NUMBER})", text):
        left, right = float(match[1]), float(match[3])
        try:
            return left / right if match[2] == "/" else float(left**right)
        except (ZeroDivisionError, OverflowError, TypeError):  # a root of a negative number
            return None
    return float(text) if re.fullmatch(NUMBER, text) else None


def seconds_of(text: str) -> float | None:
    """The seconds that 30m, 2h or `90 min` stands for, else None."""
    match = re.fullmatch(rf"({NUMBER})\s*([a-z]+)", text.strip())
    return float(match[1]) * SECONDS[match[2]] if match and match[2] in SECONDS else None


def range_of(text: str) -> str:
    """The range of powers of ten that 1e-4..1e-1, `1e-4 to 1e-1` or 1e-4:1e-1 stands for."""
    match = re.fullmatch(
        rf"\[?\(?({NUMBER})\s*(?:\.\.\.?|to|:|,|-)\s*({NUMBER})\)?\]?", text.strip()
    )
    return logarithmic(float(match[1]), float(match[2])) if match else ""


def logarithmic(low: float, high: float) -> str:
    """A range between two positive numbers as a recipe has it; empty for others."""
    if not 0 < low < high < math.inf:
        return ""
    return f"{{log10: [{math.log10(low):.4g}, {math.log10(high):.4g}]}}"


def as_yaml(number: float) -> str:
    """A number as YAML reads it: digits where they are few, else a power of ten."""
    if number.is_integer() and abs(number) < 1e7:
        return f"{number:.0f}"
    text = f"{number:.6g}"
    mantissa, power, exponent = text.partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent}" if power else text
