"""A question on which sources disagree, and the answer that a plan uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Evidence = Literal["theory", "empirical", "assumption"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One question on which sources disagree.

    Attributes:
        what: The question, with the recipe key that decides it, if there is one.
        taken: The answer that the plan uses.
        kind: The kind of evidence for the answer.
        source: Source of the answer.
        others: What other sources say.
    """

    what: str
    taken: str
    kind: Evidence
    source: str
    others: str
