"""muP, the maximal update parameterization (Tensor Programs V, arXiv 2203.03466, Table 8)."""

from __future__ import annotations

from mutransfer_cli.parameterization.protocol import Parameterization
from mutransfer_cli.parameterization.rules.mup_tables import (
    FORM_OF_READOUT,
    MUP_PUBLISHED,
    MUP_ROWS,
)

MUP = Parameterization(
    name="mup", rows=MUP_ROWS, published=MUP_PUBLISHED, form_of_readout=FORM_OF_READOUT
)
