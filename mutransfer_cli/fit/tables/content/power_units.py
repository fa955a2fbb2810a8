"""Powers of ten in the name of a column: `lr (×10⁻³)`, `params [1e6]`, `lr x 1e3`."""

from __future__ import annotations

import re
from typing import NamedTuple

from mutransfer_cli.fit.tables.content.cells import number_of

POWER = (
    r"(?P<power>10\s*(?:\^|\*\*)\s*[({]?[+\-−–]?\d+[)}]?|10[⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹]+|1[eE][+\-]?\d+|10{2,})"
)
TIMES = r"(?P<times>(?<=[\s_(\[])x|[×·⋅*])"
AFTER = re.compile(
    rf"(?P<name>.+?)[\s_]*(?P<open>[(\[])?\s*(?:(?:in|units? of)\s+)*{TIMES}?\s*{POWER}\s*[)\]]?"
)
BEFORE = re.compile(rf"{POWER}\s*(?:[x×·⋅*]|(?=[(\[]))\s*[(\[]?(?P<name>.+?)[)\]]?")
DIVIDED = re.compile(rf"(?P<name>.+?)\s*/\s*[(\[]?\s*{POWER}\s*[)\]]?")


class PowerUnit(NamedTuple):
    """A name with a power of ten.

    Attributes:
        name: The name without it.
        power: The power.
        marked: Whether it is marked as a factor, by more than brackets.
        unit: Whether it stands where a unit does: behind the name, or a stroke.
    """

    name: str
    power: float
    marked: bool
    unit: bool


def power_unit(name: str) -> PowerUnit | None:
    """The power of ten in a name; None if there is none."""
    after = AFTER.fullmatch(name)
    if after and (after["open"] or after["times"]):
        power = number_of(after["power"])
        return PowerUnit(after["name"], power, bool(after["times"]), True) if power else None
    other = BEFORE.fullmatch(name) or DIVIDED.fullmatch(name)
    power = number_of(other["power"]) if other else None
    behind = other is not None and other.re is DIVIDED
    return PowerUnit(other["name"], power, True, behind) if other and power else None
