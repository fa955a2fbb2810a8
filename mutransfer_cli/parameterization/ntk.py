"""NTK, the neural tangent parameterization (Everett et al., arXiv 2407.05872, Table 1)."""

from __future__ import annotations

from mutransfer_cli.optimizers.geometry import GRADIENT, RELATIVE, SIGN
from mutransfer_cli.parameterization.protocol import Parameterization
from mutransfer_cli.parameterization.rows.powers import IN, ONE, Row
from mutransfer_cli.parameterization.rows.published import PublishedRates

NTK = Parameterization(
    name="ntk",
    rows={
        "input": Row(ONE, ONE, "EV Table 1, NTK, embedding"),
        "hidden": Row(ONE, IN**-0.5, "EV Table 1, NTK, hidden"),
        "readout": Row(ONE, IN**-0.5, "EV Table 1, NTK, readout"),
        "vector": Row(ONE, ONE, "EV Table 1, NTK, as an embedding"),
    },
    attention_power=-0.5,
    published=(
        PublishedRates("ntk", GRADIENT, "full", (0.5, 0.5, 0), "EV Table 1"),
        PublishedRates("ntk", GRADIENT, "none", (0.5, 1, 0.5), "EV Table 1"),
        PublishedRates("ntk", SIGN, "full", (0, -0.5, -0.5), "EV Table 1"),
        PublishedRates("ntk", SIGN, "none", (0, 0, 0), "EV Table 1"),
        PublishedRates("ntk", RELATIVE, "full", (0, -0.5, -0.5), "EV Table 1"),
        PublishedRates("ntk", RELATIVE, "none", (0, 0, 0), "EV Table 1"),
    ),
)
