"""What the writers of several stacks share: the schedule in steps, YAML with comments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from mutransfer_cli.emit.core.interface import Job


@dataclass(frozen=True, slots=True)
class Steps:
    """The recipe's schedule at the target, in steps."""

    name: str  # linear | cosine | constant | wsd
    rising: int
    falling: int
    final: float  # share of the peak at the end


def schedule_of(job: Job) -> Steps:
    """Warmup and decay keep their shares of the run."""
    s, steps = job.recipe.schedule, job.plan.target["steps"]
    rising = round(s.warmup * steps)
    falling = round(s.decay * steps) if s.name == "wsd" else steps - rising
    final = 1.0 if s.name == "constant" else s.final
    return Steps(s.name, rising, 0 if s.name == "constant" else falling, final)


def yaml_text(values: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    """YAML in the given order; a comment stands behind the line of its key, at any depth."""
    text: str = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, width=1000)
    lines = []
    for line in text.splitlines():
        key = re.match(r"\s*(?:- )?([A-Za-z_]\w*):", line)
        comment = comments.get(key[1]) if key else None
        lines.append(f"{line}  # {comment}" if comment else line)
    return "\n".join(lines) + "\n"
