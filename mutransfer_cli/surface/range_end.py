"""Says that the best value of a hyperparameter is at an end of those that were run."""

from __future__ import annotations


def range_end(name: str, end: str, kind: str = "range") -> str:
    """The sentence of `fit` and `law`.

    Args:
        name: The hyperparameter.
        end: low or high.
        kind: What the values are.
    """
    return f"the best {name} is at the {end} end of the {kind}; run {end}er ones"
