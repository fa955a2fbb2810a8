"""Learning rates as published, for comparison with the papers; the derivation must agree.

Each is an exponent of the width n, to which all fans are proportional. Sources:
  TP5   Tensor Programs V, arXiv 2203.03466
  EV    Everett et al., arXiv 2407.05872, Table 1 (its muP is TP5's Table 9)
  QIU   arXiv 2512.05620 and its code, scaling-matrix-preconditioning
  LING  Lingle, arXiv 2404.05728 (Lion as Adam)
"""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.optimizers.geometry import Geometry

ROLES = ("input", "hidden", "readout")


@dataclass(frozen=True, slots=True)
class PublishedRates:
    """Exponents of the learning rate in the width, for one optimizer.

    Attributes:
        form: The table whose init and multiplier these rates belong to.
        geometry: Geometry of the optimizer.
        alignment: full or none.
        lr: Exponents for embedding, hidden and readout.
        source: Paper and table.
        optimizer: The optimizer, if it is not one that `OptimizerSpec.tabulated` marks.
    """

    form: str
    geometry: Geometry
    alignment: str
    lr: tuple[float, float, float]
    source: str
    optimizer: str | None = None
