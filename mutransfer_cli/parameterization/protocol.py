"""What the rules know about a parameterization: one `Parameterization` for each entry.

A package adds a parameterization with a `ParameterizationEntry` (see `catalog.parameterizations`)
whose implementation is a `Parameterization`: rows with their sources, and a subclass that overrides
methods where it differs from the derivation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.errors import InputError
from mutransfer_cli.optimizers.geometry import Geometry
from mutransfer_cli.optimizers.protocol import OptimizerSpec
from mutransfer_cli.parameterization.rows.choice import Choice
from mutransfer_cli.parameterization.rows.depth_rule import CONSTANT_IN_DEPTH, DepthRule
from mutransfer_cli.parameterization.rows.powers import CONSTANT, ROW_OF_ROLE, Power, Row
from mutransfer_cli.parameterization.rows.published import PublishedRates

TIED_SOURCE = "MUP MuSharedReadout: an embedding, the readout's multiplier on the logits"


@dataclass(frozen=True, kw_only=True)
class Parameterization:
    """The init and multiplier of each role, and whatever else is particular to a parameterization.

    Attributes:
        name: Name in the catalog.
        rows: Init and forward multiplier for the roles input, hidden, readout and vector.
        attention_power: Exponent of the head size in the scale of q·k: -1 where features are
            learned (Tensor Programs V, appendix B.1), else -1/2.
        single_lr_source: Source for using one learning rate for all tensors, which applies unless
            an alignment is chosen; None: each role has its own learning rate.
        unit_scaled: Whether hyperparameters are quoted at width and depth 1 and not at a base.
            Powers then act on the sizes themselves, and the multipliers of a plan cannot be
            installed by hooks.
        constant_epsilon_source: Source for an epsilon that is the same at every size; None:
            epsilon follows the size of the gradient.
        published: Published learning rates, which sources and tests refer to.
        form_of_readout: The form in `published` for each value of `rules.readout`; by default the
            form has the parameterization's name.
        embedding_choice: The disputed rule for the embedding's learning rate under Adam; None: it
            is constant in width.
    """

    name: str
    rows: Mapping[str, Row]
    attention_power: float = -1.0
    single_lr_source: str | None = None
    unit_scaled: bool = False
    constant_epsilon_source: str | None = None
    published: tuple[PublishedRates, ...] = ()
    form_of_readout: Mapping[str, str] = field(default_factory=dict)
    embedding_choice: Choice | None = None

    def row(self, role: str, readout: str = "multiplier") -> Row:
        """The row of a role; `readout` says whether its multiplier is kept or absorbed."""
        if role in CONSTANT:
            return CONSTANT[role]
        row = self.rows[ROW_OF_ROLE.get(role, role)]
        if role == "tied":
            return replace(row, source=TIED_SOURCE)
        if self.unit_scaled or (role == "readout" and readout == "multiplier"):
            return row
        return row.absorbed()

    @property
    def tied_logits(self) -> Power:
        """The multiplier on the logits of a tied readout, a power of its input width (MUP).

        The matrix is initialized as an embedding, with a constant standard deviation; the
        multiplier compensates for what the readout's own row has in init and multiplier beyond
        1/√m.
        """
        return self.rows["readout"].multiplier

    def signal(self, tied: bool = False) -> float:
        """Exponent in width of the gradient that reaches the last hidden layer.

        It is the readout's multiplier times its init: δ = multiplier · W_outᵀ ∂L.
        """
        readout = self.rows["readout"]
        size = readout.multiplier if tied else readout.multiplier * readout.init
        return size.fan_in

    def prescribed_lr(self, role: str, geometry: Geometry) -> tuple[Power, str] | None:
        """The learning rate and its source, if it is prescribed instead of derived; else None."""
        return None

    def lr_source(self, optimizer: OptimizerSpec, readout: str, alignment: str | None) -> str:
        """Where the learning rates were published, or 'derived' if they were not.

        Args:
            optimizer: The optimizer that trains the tensor.
            readout: multiplier or absorbed.
            alignment: full, none, or None for the default.
        """
        if self.single_lr_source is not None and alignment is None:
            return self.single_lr_source
        form = self.form_of_readout.get(readout, self.name)
        for p in self.published:
            applies = optimizer.tabulated if p.optimizer is None else p.optimizer == optimizer.name
            key = (p.form, p.geometry, p.alignment)
            if applies and key == (form, optimizer.geometry, alignment or "full"):
                return p.source
        return optimizer.lr_source

    def branch_power(self, alpha: float) -> float:
        """Exponent of m_L in the multiplier of every residual branch; 0: there is no depth rule."""
        return 0.0

    def block_alpha(self, alpha: float) -> float:
        """The residual exponent α: changes inside a block scale with the depth as m_L^(α-1).

        Args:
            alpha: `rules.depth_alpha`.
        """
        return alpha

    def depth_rule(
        self, geometry: Geometry, alpha: float, in_block: bool, ends_branch: bool
    ) -> DepthRule:
        """How the numbers of one tensor scale with the depth.

        Args:
            geometry: Geometry of the optimizer that trains the tensor.
            alpha: `rules.depth_alpha`, 1/2 to 1.
            in_block: Whether the tensor is in a block that repeats along the depth.
            ends_branch: Whether the branch's multiplier has to be folded into the tensor, because
                the model has no attribute for it.
        """
        return CONSTANT_IN_DEPTH

    def looped_rule(self, geometry: Geometry, alpha: float, ends_branch: bool) -> DepthRule:
        """How the numbers of a tensor scale with the number of times that its block is applied.

        Args:
            geometry: Geometry of the optimizer that trains the tensor.
            alpha: `rules.depth_alpha`, 1/2 to 1.
            ends_branch: Whether the branch's multiplier has to be folded into the tensor.
        """
        return CONSTANT_IN_DEPTH

    def stream_rule(self, geometry: Geometry, looped: bool) -> DepthRule:
        """How the numbers of a tensor scale that acts on the stream in every block (post-norm).

        Args:
            geometry: Geometry of the optimizer that trains the tensor.
            looped: Whether a deeper model applies it more often, and has no more of its kind.
        """
        return CONSTANT_IN_DEPTH

    def attention_scale(
        self, multiplier: float | None, own_scale: float, head_size: int, growth: float
    ) -> float:
        """The scale of q·k at the target.

        Args:
            multiplier: `multipliers.attention`; None: the model's own scale.
            own_scale: What the model multiplies q·k by, at the base.
            head_size: The head size at the base.
            growth: The head size at the target over that at the base.
        """
        return float((multiplier or own_scale) * growth**self.attention_power)

    def residual_coefficients(self, blocks: int, residual: float) -> dict[str, float]:
        """Weights of all skips and branches, given `multipliers.residual`; none by default."""
        return {}

    def depth_choice(self, alpha: float) -> Choice | None:
        """The disputed rule for the depth; None: nothing depends on the depth."""
        return None

    def notes(self, alignment: str | None) -> tuple[str, ...]:
        """What a reader of a plan should know about the parameterization."""
        return ()


def parameterization_of(name: str) -> Parameterization:
    """The implementation of a parameterization of the catalog.

    Raises:
        InputError: There is no such parameterization, or its implementation is not a
            `Parameterization` of this name.
    """
    parameterization = PARAMETERIZATIONS.require(name, ("parameterization",)).load()
    if not isinstance(parameterization, Parameterization):
        raise InputError(
            f"{name}: its implementation is not a Parameterization", ("parameterization",)
        )
    if parameterization.name != name:
        raise InputError(
            f"{name}: its implementation is named {parameterization.name!r}", ("parameterization",)
        )
    return parameterization
