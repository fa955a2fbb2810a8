"""The mean-field parameterization (Everett et al., arXiv 2407.05872, Table 1)."""

from __future__ import annotations

from mutransfer_cli.optimizers.geometry import GRADIENT, RELATIVE, SIGN
from mutransfer_cli.parameterization.protocol import Parameterization
from mutransfer_cli.parameterization.rows.powers import IN, ONE, Row
from mutransfer_cli.parameterization.rows.published import PublishedRates

MEAN_FIELD = Parameterization(
    name="mean-field",
    rows={
        "input": Row(ONE, ONE, "EV Table 1, MFP, embedding"),
        "hidden": Row(ONE, IN**-0.5, "EV Table 1, MFP, hidden"),
        "readout": Row(ONE, IN**-1, "EV Table 1, MFP, readout"),
        "vector": Row(ONE, ONE, "EV Table 1, MFP, as an embedding"),
    },
    published=(
        PublishedRates("mean-field", GRADIENT, "full", (1, 1, 1), "EV Table 1"),
        PublishedRates("mean-field", GRADIENT, "none", (1, 1.5, 1), "EV Table 1"),
        PublishedRates("mean-field", SIGN, "full", (0, -0.5, 0), "EV Table 1"),
        PublishedRates("mean-field", SIGN, "none", (0, 0, 0.5), "EV Table 1"),
        PublishedRates("mean-field", RELATIVE, "full", (0, -0.5, 0), "EV Table 1"),
    ),
)
