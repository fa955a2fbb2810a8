"""Values that readers do not expect, and mutations of plain data that keep its structure."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

STRINGS = [
    "", "x", "a\nb", "\r", "\x00", "\x1b[31m", "\u2028", "\ud800", "[/red]", "$(false)", "`false`",
    "::error::x", "%s%n{0}{", "../../x", "nan", "inf", "-1", "1e999", "9" * 400, "é" * 300,
    "2026-01-01T00:00:00", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "null",
    "journal:", "journal:u:secret@x/y", "postgresql://u:secret@h:x/w", "mysql://h", "sqlite:////",
    "sqlite:///\x00",
]  # fmt: skip
NUMBERS = [
    0, 1, -1, 2, 7, 255, 65535, 2**31, 2**63, -(2**63) - 1, 10**18, 10**400, 0.0, -0.0, 0.5, -0.5,
    1e-320, 1e-30, 1e30, 1e308, float("inf"), -float("inf"), float("nan"),
]  # fmt: skip


def hostile(random: Random) -> Any:
    """A value of any kind."""
    match random.randrange(8):
        case 0 | 1:
            return random.choice(STRINGS)
        case 2 | 3 | 4:
            return random.choice(NUMBERS)
        case 5:
            return random.choice([None, True, False])
        case 6:
            return copy.deepcopy(
                random.choice([[], {}, [[]], [None], {"a": 1}, {"": None}, [1, 2]])
            )
    deep: Any = 1
    for _ in range(random.choice([3, 90, 400])):
        deep = [deep] if random.random() < 0.5 else {"a": deep}
    return deep


def containers(data: Any) -> list[Any]:
    """Every mapping and list in the data that is not empty."""
    found, queue = [], [data]
    while queue:
        item = queue.pop()
        if isinstance(item, dict | list) and item:
            found.append(item)
            queue += item.values() if isinstance(item, dict) else item
    return found


def mutated(data: Any, random: Random) -> Any:
    """The data with one to three changes: a value, a key, an entry more or less."""
    data = copy.deepcopy(data)
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        inner = containers(data)
        if not inner or random.random() < 0.02:
            data = hostile(random)
            continue
        change(random.choice(inner), random)
    return data


def change(container: Any, random: Random) -> None:
    """One change of a container, in place."""
    keys = list(container) if isinstance(container, dict) else list(range(len(container)))
    key = random.choice(keys)
    match random.randrange(9):
        case 0:
            del container[key]
        case 1 if isinstance(container, dict):
            container[random.choice(STRINGS)] = container.pop(key)
        case 1:
            container.insert(key, hostile(random))
        case 2:
            other = random.choice(keys)
            container[key], container[other] = container[other], container[key]
        case 3:
            container[key] = [container[key]]
        case 4 if isinstance(container[key], float):
            container[key] *= random.choice([-1, 0, 2, 0.5, 1e300])
        case 4 if isinstance(container[key], int):
            container[key] *= random.choice([-1, 0, 2, 10**20])
        case 5 if isinstance(container[key], int | float):
            container[key] = str(container[key])
        case 6 if isinstance(container, dict):
            container[random.choice(["extra", *map(str, keys)])] = hostile(random)
        case _:
            container[key] = hostile(random)


def as_json(data: Any, random: Random) -> bytes:
    """JSON text, in one of the forms in which programs write it."""
    text = json.dumps(data, indent=random.choice([None, 2]), ensure_ascii=random.random() < 0.9)
    return text.encode("utf-8", errors="surrogatepass")
