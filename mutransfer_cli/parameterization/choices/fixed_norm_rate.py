"""Over the width, sources disagree on the rate of matrices whose norm is fixed."""

from __future__ import annotations

from mutransfer_cli.optimizers.geometry import Geometry
from mutransfer_cli.parameterization.rows.choice import Choice


def fixed_norm_choice(geometry: Geometry, single_rate: bool) -> Choice | None:
    """The rule for the rate over the width; None where norms are not fixed.

    An update of rank r and of the norm R of its matrix has a spectral norm of R/√r, the matrix one
    of about R/√width. So a fixed rank needs a rate ∝ width^-1/2, and one in proportion to the width
    a constant rate.

    Args:
        geometry: Geometry of the optimizer that trains hidden matrices.
        single_rate: Whether the parameterization has one rate for all tensors.
    """
    if not geometry.keeps_norm:
        return None
    constant = "constant: updates of a rank in proportion to the width"
    falling = "∝ width^-1/2: aligned updates of a fixed rank"
    derived = constant if geometry.spectral else falling
    other = falling if geometry.spectral else constant
    if single_rate:
        return Choice(
            "rate of matrices of fixed norm over the width (parameterization)",
            "constant",
            "empirical",
            "Wen 2606.16899: drift of at most 1.4 times over 16 times the width",
            f"{falling}: derived, as mup does for adamh",
        )
    return Choice(
        "rate of matrices of fixed norm over the width (parameterization)",
        derived,
        "theory",
        "derived from Yang, Simon and Bernstein 2310.17813",
        f"{other}" + ("" if geometry.spectral else "; one rate for all, as sp: Wen 2606.16899"),
    )
