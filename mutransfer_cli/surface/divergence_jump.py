"""Where the loss jumps because runs diverge, although their last loss is a number.

Tables of published runs keep the last finite loss of a run that blew up: 7 to 60 where the best of
its size is 3. It says on which side of the cliff the rate is, and nothing of the valley.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

FAR_ABOVE = 0.693  # log loss: twice the best of the line, from which a run can have diverged
JUMP = 0.5  # log loss, from one value to the next, by which the cliff differs from a slope
FEWEST_LEFT = 3  # values of a line below its cliff


def diverged_settings(
    mean_losses: Mapping[tuple[float, ...], float],
) -> set[tuple[float, ...]]:
    """The settings of a rung that diverged: at and above a jump along the learning rate.

    All others are equal along a line, so that nothing else explains the jump. It is counted from
    the best of the line: a line that is poor everywhere is far above the best of the rung.

    Args:
        mean_losses: Mean log loss of each setting, the learning rate first.
    """
    lines = defaultdict(list)
    for setting in sorted(mean_losses):
        lines[setting[1:]].append(setting)
    found: set[tuple[float, ...]] = set()
    for line in lines.values():
        first = first_diverged([mean_losses[setting] for setting in line])
        found.update(line[first:] if first is not None else [])
    return found


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
