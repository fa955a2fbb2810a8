"""A question on which sources disagree, and the answer that was taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Evidence = Literal["theory", "empirical", "assumption"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One disagreement.

    Attributes:
        what: The question, with the key of the recipe that answers it where there is one.
        taken: The answer of this plan.
        kind: What kind of knowledge the answer is.
        source: Who says so.
        others: What other sources say.
    """

    what: str
    taken: str
    kind: Evidence
    source: str
    others: str
