"""SP, the standard parameterization: init ∝ 1/√fan_in and one learning rate for every tensor.

With `rules.alignment` each role has its own learning rate (Everett et al., arXiv 2407.05872,
Table 1).
"""

from __future__ import annotations

from mutransfer_cli.optimizers.geometry import GRADIENT, RELATIVE, SIGN
from mutransfer_cli.parameterization.protocol import Parameterization
from mutransfer_cli.parameterization.rows.powers import IN, ONE, Row
from mutransfer_cli.parameterization.rows.published import PublishedRates


class Standard(Parameterization):
    """SP, with a note that a single learning rate does not transfer."""

    def notes(self, alignment: str | None) -> tuple[str, ...]:
        """A note that the optimum moves with the width, unless each role has its own rate."""
        if alignment is not None:
            return ()
        return ("sp: one learning rate for all tensors; its optimum moves with width",)


SP = Standard(
    name="sp",
    rows={
        "input": Row(ONE, ONE, "TP5 Table 3, SP"),
        "hidden": Row(IN**-0.5, ONE, "TP5 Table 3, SP"),
        "readout": Row(IN**-0.5, ONE, "TP5 Table 3, SP"),
        "vector": Row(ONE, ONE, "TP5 Table 3, SP"),
    },
    attention_power=-0.5,
    single_lr_source="TP5 Table 3, SP",
    published=(
        PublishedRates("sp", GRADIENT, "full", (0.5, -0.5, -1), "EV Table 1"),
        PublishedRates("sp", GRADIENT, "none", (0.5, 0, -0.5), "EV Table 1"),
        PublishedRates("sp", SIGN, "full", (0, -1, -1), "EV Table 1"),
        PublishedRates("sp", SIGN, "none", (0, -0.5, -0.5), "EV Table 1"),
        PublishedRates("sp", RELATIVE, "full", (0, -0.5, -0.5), "EV Table 1"),
        PublishedRates("sp", RELATIVE, "none", (0, 0, 0), "EV Table 1"),
    ),
)
