"""Learning rates as they were published, to read beside the papers; the derivation must agree.

Exponents of the width n, all of whose fans grow together. Sources:
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
        form: The table with the rows of init and multiplier that these rates belong to.
        geometry: That of the optimizer.
        alignment: full or none.
        lr: Exponents for embedding, hidden and readout.
        source: Paper and table.
        optimizer: The optimizer, where it is not the one that tables of its geometry are about.
    """

    form: str
    geometry: Geometry
    alignment: str
    lr: tuple[float, float, float]
    source: str
    optimizer: str | None = None
