"""Learning rates as they were published, to read beside the papers; the derivation must agree.

Exponents of the width n, all of whose fans grow together, in the order embedding, hidden, readout.
Sources:
  TP5   Tensor Programs V, arXiv 2203.03466
  EV    Everett et al., arXiv 2407.05872, Table 1 (its muP is TP5's Table 9)
  QIU   arXiv 2512.05620 and its code, scaling-matrix-preconditioning
  LING  Lingle, arXiv 2404.05728 (Lion as Adam)
"""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.parameterization.init_tables import IN, ONE, OUT, Row
from mutransfer_cli.parameterization.lr_rules import GEOMETRY, PACKAGED

Triple = tuple[float, float, float]

ROLES = ("input", "hidden", "readout")

# The three equivalent forms of muP: init and multiplier. Table 8 is the one that is used here with
# `readout: multiplier`, Table 3 with `readout: absorbed`.
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


@dataclass(frozen=True, slots=True)
class Published:
    """Exponents of the learning rate in the width."""

    form: str  # where the rows of init and multiplier stand
    optimizer: str
    alignment: str
    lr: Triple
    source: str


PUBLISHED = (
    Published("table 3", "sgd", "full", (1, 0, -1), "TP5 Table 3"),
    Published("table 3", "adam", "full", (0, -1, -1), "TP5 Table 3"),
    Published("table 8", "sgd", "full", (1, 0, 1), "TP5 Table 8"),
    Published("table 8", "adam", "full", (0, -1, 0), "TP5 Table 8"),
    Published("table 9", "sgd", "full", (0, 0, 0), "TP5 Table 9"),
    Published("table 9", "adam", "full", (-0.5, -1, -0.5), "TP5 Table 9"),
    Published("table 9", "sgd", "none", (0, 0.5, 0), "EV Table 1"),
    Published("table 9", "adam", "none", (-0.5, -0.5, 0), "EV Table 1"),
    Published("table 9", "adafactor", "full", (0, -0.5, 0), "EV Table 1"),
    Published("sp", "sgd", "full", (0.5, -0.5, -1), "EV Table 1"),
    Published("sp", "sgd", "none", (0.5, 0, -0.5), "EV Table 1"),
    Published("sp", "adam", "full", (0, -1, -1), "EV Table 1"),
    Published("sp", "adam", "none", (0, -0.5, -0.5), "EV Table 1"),
    Published("sp", "adafactor", "full", (0, -0.5, -0.5), "EV Table 1"),
    Published("sp", "adafactor", "none", (0, 0, 0), "EV Table 1"),
    Published("ntk", "sgd", "full", (0.5, 0.5, 0), "EV Table 1"),
    Published("ntk", "sgd", "none", (0.5, 1, 0.5), "EV Table 1"),
    Published("ntk", "adam", "full", (0, -0.5, -0.5), "EV Table 1"),
    Published("ntk", "adam", "none", (0, 0, 0), "EV Table 1"),
    Published("ntk", "adafactor", "full", (0, -0.5, -0.5), "EV Table 1"),
    Published("ntk", "adafactor", "none", (0, 0, 0), "EV Table 1"),
    Published("mean-field", "sgd", "full", (1, 1, 1), "EV Table 1"),
    Published("mean-field", "sgd", "none", (1, 1.5, 1), "EV Table 1"),
    Published("mean-field", "adam", "full", (0, -0.5, 0), "EV Table 1"),
    Published("mean-field", "adam", "none", (0, 0, 0.5), "EV Table 1"),
    Published("mean-field", "adafactor", "full", (0, -0.5, 0), "EV Table 1"),
    Published("table 8", "lion", "full", (0, -1, 0), "LING"),
)


def source_of(parameterization: str, optimizer: str, readout: str, alignment: str | None) -> str:
    """Where the learning rates of a choice were published; 'derived' where they were not."""
    if parameterization == "sp" and alignment is None:
        return "TP5 Table 3, SP"
    form = parameterization
    if parameterization in {"mup", "completep"}:
        form = "table 3" if readout == "absorbed" else "table 8"
    if parameterization == "umup":
        return "US optim.py" if GEOMETRY[optimizer] in PACKAGED else "derived"
    name = "adam" if optimizer == "adamw" else optimizer
    for p in PUBLISHED:
        if (p.form, p.optimizer, p.alignment) == (form, name, alignment or "full"):
            return p.source
    if optimizer in {"muon", "shampoo", "soap"}:
        return "QIU"
    return "derived"
