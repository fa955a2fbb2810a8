"""The rule that never prunes."""

from __future__ import annotations

from collections.abc import Sequence


class NoPruning:
    """Every trial runs to its end."""

    def is_hopeless(self, references: Sequence[Sequence[float]], losses: Sequence[float]) -> bool:
        """Always False."""
        return False


NONE = NoPruning()
