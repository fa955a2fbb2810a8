"""A parameterization: every matrix starts at 1/√fan_in, every tensor has one learning rate."""

from __future__ import annotations

from mutransfer_cli.parameterization.protocol import Parameterization
from mutransfer_cli.parameterization.rows.powers import IN, ONE, Row

SOURCE = "assumption"

TOY_CONSTANT = Parameterization(
    name="toy-constant",
    rows={
        "input": Row(ONE, ONE, SOURCE),
        "hidden": Row(IN**-0.5, ONE, SOURCE),
        "readout": Row(IN**-0.5, ONE, SOURCE),
        "vector": Row(ONE, ONE, SOURCE),
    },
    attention_power=-0.5,
    single_lr_source=SOURCE,
)
