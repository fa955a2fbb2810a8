"""muP's tables, which several parameterizations share (Tensor Programs V, arXiv 2203.03466).

The three forms of init and multiplier define the same function. Table 8 is used with
`readout: multiplier`, Table 3 with `readout: absorbed`.
"""

from __future__ import annotations

from mutransfer_cli.optimizers.geometry import GRADIENT, RELATIVE, SIGN
from mutransfer_cli.parameterization.rows.powers import IN, ONE, OUT, Row
from mutransfer_cli.parameterization.rows.published import PublishedRates

MUP_ROWS = {
    "input": Row(ONE, ONE, "TP5 Tables 3 and 8, input"),
    "hidden": Row(IN**-0.5, ONE, "TP5 Tables 3 and 8, hidden"),
    "readout": Row(ONE, IN**-1, "TP5 Table 8, output"),
    "vector": Row(ONE, ONE, "TP5 Tables 3 and 8, bias: an input weight of fan-in 1"),
}

MUP_FORMS: dict[str, dict[str, Row]] = {
    "table 3": {
        "input": Row(ONE, ONE, "TP5 Table 3"),
        "hidden": Row(IN**-0.5, ONE, "TP5 Table 3"),
        "readout": Row(IN**-1, ONE, "TP5 Table 3"),
    },
    "table 8": {
        "input": Row(ONE, ONE, "TP5 Table 8"),
        "hidden": Row(IN**-0.5, ONE, "TP5 Table 8"),
        "readout": Row(ONE, IN**-1, "TP5 Table 8"),
    },
    "table 9": {
        "input": Row(OUT**-0.5, OUT**0.5, "TP5 Table 9"),
        "hidden": Row(IN**-0.5, ONE, "TP5 Table 9"),
        "readout": Row(IN**-0.5, IN**-0.5, "TP5 Table 9"),
    },
}

FORM_OF_READOUT = {"multiplier": "table 8", "absorbed": "table 3"}

MUP_PUBLISHED = (
    PublishedRates("table 3", GRADIENT, "full", (1, 0, -1), "TP5 Table 3"),
    PublishedRates("table 3", SIGN, "full", (0, -1, -1), "TP5 Table 3"),
    PublishedRates("table 8", GRADIENT, "full", (1, 0, 1), "TP5 Table 8"),
    PublishedRates("table 8", SIGN, "full", (0, -1, 0), "TP5 Table 8"),
    PublishedRates("table 9", GRADIENT, "full", (0, 0, 0), "TP5 Table 9"),
    PublishedRates("table 9", SIGN, "full", (-0.5, -1, -0.5), "TP5 Table 9"),
    PublishedRates("table 9", GRADIENT, "none", (0, 0.5, 0), "EV Table 1"),
    PublishedRates("table 9", SIGN, "none", (-0.5, -0.5, 0), "EV Table 1"),
    PublishedRates("table 9", RELATIVE, "full", (0, -0.5, 0), "EV Table 1"),
    PublishedRates("table 8", SIGN, "full", (0, -1, 0), "LING", optimizer="lion"),
)
