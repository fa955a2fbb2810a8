"""Where the loss jumps because runs diverge, although their last loss is a number.

Tables of published runs keep the last finite loss of a run that blew up: 7 to 60 where the best of
its size is 3. It says on which side of the cliff the rate is, and nothing of the valley.
"""

from __future__ import annotations

from collections.abc import Sequence

FAR_ABOVE = 0.693  # log loss: twice the best of the rung, from which a run can have diverged
JUMP = 0.5  # log loss, from one value to the next, by which the cliff differs from a slope
FEWEST_LEFT = 3  # values of a rung below its cliff


def first_diverged(log_losses: Sequence[float]) -> int | None:
    """Index of the value from which on all runs diverged; None where the loss does not jump.

    Args:
        log_losses: Mean log loss at each value of a hyperparameter, in ascending order of these.
    """
    if len(log_losses) <= FEWEST_LEFT:
        return None
    best = min(log_losses)
    for j in range(max(log_losses.index(best) + 1, FEWEST_LEFT), len(log_losses)):
        jump = log_losses[j] - log_losses[j - 1]
        if jump > JUMP and min(log_losses[j:]) > best + FAR_ABOVE:
            return j
    return None
