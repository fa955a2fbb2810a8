"""What the name of a column says, in whatever spelling and with whatever prefix."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from mutransfer_cli.fit.tables.columns.known_names import HYPERPARAMETERS, ROLES, TABLE_SIZE_ROLES
from mutransfer_cli.fit.tables.content.power_units import power_unit

Origin: TypeAlias = Literal["setting", "outcome", "tag", ""]

SETTING_PREFIXES = {"config", "params", "param", "hparams", "hyperparameters", "hyperparams", "hp"}
SETTING_PREFIXES |= {"args", "user_attrs", "settings", "cfg"}
OUTCOME_PREFIXES = {"summary", "metrics", "metric", "summary_metrics", "summarymetrics", "results"}
OUTCOME_PREFIXES |= {"result"}
TAG_PREFIXES = {"tags", "tag", "system_attrs", "attributes", "_wandb", "info"}
UNITS = {"k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12, "thousands": 1e3, "thousand": 1e3}
UNITS |= {"millions": 1e6, "million": 1e6, "billions": 1e9, "billion": 1e9, "trillions": 1e12}
REMARKS = {"mean", "std", "sd", "se", "sem", "stderr", "avg", "average", "final", "last", "best"}
REMARKS |= {"n", "seed", "seeds", "run", "runs", "over", "of", "nats", "peak", "lower", "is"}
REMARKS |= {"better", "the", "in", "total", "number", "flop", "flops", "tokens", "params"}
REMARKS |= {"parameters"}
COMPUTE = {
    "eflop": 1e18,
    "zflop": 1e21,
    "exaflop": 1e18,
    "zettaflop": 1e21,
}  # not a speed, as TFLOPs
# total_gflops is no speed either
TOTALS = {"m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18, "z": 1e21}
PF_DAY = 8.64e19  # 10^15 a second, for a day
# What was not trained on, in paths such as eval/c4/loss, and the names of a loss in these
HELD_OUT = {"eval", "val", "valid", "validation", "dev", "test", "heldout", "held_out"}
HELD_OUT_LOSSES = dict.fromkeys(("loss", "cross_entropy", "ce_loss", "nll"), "held_out_loss")
HELD_OUT_LOSSES |= dict.fromkeys(("bpb", "bits_per_byte", "bpc"), "held_out_bpb")
BASES = {"log2": 2.0, "log10": 10.0, "ln": math.e}


@dataclass(frozen=True, slots=True)
class ColumnName:
    """What the name of a column says.

    Attributes:
        key: The name in the form in which names are compared.
        role: The role that it names; None where it names none.
        rank: How usual the name is for the role; 0 is the role's own name.
        origin: Whether an export marks the column as a setting or as an outcome.
        scale: The factor of a unit in the name, as in `params (M)`.
        base: The base of a logarithm in the name, as in `log2(lr)`.
        unclear: A power of ten in the name that can be a factor of the cells or of what they state,
            as in `lr x 1e3`; None where there is none.
    """

    key: str
    role: str | None = None
    rank: int = 0
    origin: Origin = ""
    scale: float = 1.0
    base: float | None = None
    unclear: float | None = None


COUNTS = ("params", "tokens", "flops")  # roles whose names end in units: params_M
_RANKS = {name: (row.name, rank) for row in ROLES.values() for name, rank in row.ranks.items()}


def compared(name: str) -> str:
    """A name in the form in which names are compared: `Learning-Rate` is `learning_rate`."""
    text = unicodedata.normalize("NFKC", name).strip()
    if len(text) == 1 and text.isupper():
        return text  # N, D and C are parameters, tokens and FLOPs; n is a count
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", text).lower()
    hidden = "_" if text.startswith("_") else ""
    return hidden + re.sub(r"[^a-z0-9ηλ]+", "_", text).strip("_")


def column_name(name: str) -> ColumnName:
    """What the name of a column says."""
    return in_powers(name.strip()) or plain_column_name(name)


def in_powers(name: str) -> ColumnName | None:
    """What a name with a power of ten says; None where it has none.

    `lr (×10⁻³)` has cells in units of 10⁻³: rates in units of 1000 would be absurd, and so would be
    sizes in units of 10⁻⁶. Else it is unclear whether the power is a unit of the cells or a factor
    that makes them readable.
    """
    found = power_unit(name)
    if found is None:
        return None
    inner = plain_column_name(found.name)
    outcome = inner.role is not None and inner.role.startswith("loss")
    if not (inner.role or inner.key in HYPERPARAMETERS) or (outcome and not found.marked):
        return None
    counted = inner.role in (*TABLE_SIZE_ROLES, *COUNTS)
    if found.unit and (found.power > 1) == counted:
        return replace(inner, scale=found.power)
    return replace(inner, unclear=found.power)


def plain_column_name(name: str) -> ColumnName:
    """What a name without a power of ten says."""
    text, scale = without_unit(name.strip())
    key = compared(text)
    if key in _RANKS:
        return ColumnName(key, *_RANKS[key], scale=scale)
    base, argument = logarithm(key)
    if base is not None:
        return ColumnName(argument, *_RANKS[argument], base=base)
    plain = without_remark(text)
    if compared(plain) in _RANKS:
        return ColumnName(compared(plain), *_RANKS[compared(plain)], scale=scale)
    parts = [part for part in re.split(r"[./:]", text) if part]
    if len(parts) > 2 and parts[0] == "data" and origin_of(compared(parts[1])):
        parts = parts[1:]  # data.metrics.loss and data.params.lr of MLflow's REST API
    origin = origin_of(compared(parts[0])) if len(parts) > 1 else ""
    if origin:
        # configs of W&B's API: config.d_model.value
        own = parts[1:-1] if origin == "setting" and len(parts) > 2 and parts[-1] == "value" else []
        rest = ".".join(own or parts[1:])
        inner = column_name(rest)
        # W&B's summary and MLflow's metrics hold what was logged last, also of the learning rate
        return ColumnName(
            inner.key, inner.role, inner.rank, inner.origin or origin, inner.scale, inner.base
        )
    if key.startswith("system_attrs_"):  # Optuna's own
        return ColumnName(key, origin="tag")
    for prefix in ("params_", "user_attrs_", "config_"):  # Optuna's and others' data frames
        if key.startswith(prefix):
            inner = column_name(key.removeprefix(prefix))
            return ColumnName(inner.key, inner.role, inner.rank, "setting")
    if len(parts) > 2 and compared(parts[0]) in HELD_OUT:  # eval/c4/loss; eval/loss is eval_loss
        loss = HELD_OUT_LOSSES.get(compared(parts[-1]))
        if loss is not None:
            return ColumnName(key, *_RANKS[loss])
    for start in range(1, len(parts)):  # model.d_model, optimizer.lr; c4/loss is no plain loss
        inner_key = compared(".".join(parts[start:]))
        role_name, rank = _RANKS.get(inner_key, (None, 0))
        if role_name is not None and role_name not in ("loss", "runs", "state"):
            return ColumnName(inner_key, role_name, rank, scale=scale)
        if inner_key in HYPERPARAMETERS:
            return ColumnName(inner_key)
    return ColumnName(key, scale=scale)


def without_unit(name: str) -> tuple[str, float]:
    """A name without its unit, and the unit's factor."""
    match = re.fullmatch(r"(.+?)\s*[(\[]\s*(?:in\s+)?(\w+)\s*[)\]]", name)
    if match and match[2].lower() in UNITS:
        return match[1], UNITS[match[2].lower()]
    match = re.fullmatch(
        r"(.+?)[_ ](?:in[_ ])?(millions?|billions?|trillions|thousands?)", name, re.I
    )
    if match:
        return match[1], UNITS[match[2].lower()]
    match = re.fullmatch(r"(.+?)[_ ]([kKmMbBtT])", name)
    if match and _RANKS.get(compared(match[1]), ("",))[0] in COUNTS:
        return match[1], UNITS[match[2].lower()]
    match = re.fullmatch(
        r"(?:(.+?)[_ ]?)??[(\[]?(?:in[_ ])?(?:pf|petaflop/?s)[-_ ]?days?[)\]]?", name, re.I
    )
    if match:
        return (match[1] or "flops").strip(), PF_DAY
    match = re.fullmatch(r"(?:.+[./])?(?:total|training|train)[_ ]([mgtpez])flops?", name, re.I)
    if match:
        return "flops", TOTALS[match[1].lower()]
    match = re.fullmatch(r"(?:(.+?)[_ ]+)??[(\[]?([a-z]+?flop)s?[)\]]?", name, re.I)
    if match and match[2].lower() in COMPUTE:
        return (match[1] or "flops").strip(), COMPUTE[match[2].lower()]
    return name, 1.0


def without_remark(name: str) -> str:
    """A name without brackets that say how its values came about, such as `(mean ± std, n=3)`."""
    match = re.fullmatch(r"(.+?)\s*[(\[]([^()\[\]]*)[)\]]", name)
    words = re.findall(r"[^\W\d_]+", match[2].lower()) if match else ()
    return match[1] if match and REMARKS.issuperset(words) and words else name


def logarithm(key: str) -> tuple[float | None, str]:
    """The base and the argument of a name such as `log2_lr` or `lr_log2`, where it is a role's."""
    for word, base in BASES.items():
        for argument in (
            key.removeprefix(word).strip("_") if key.startswith(word) else "",
            key.removesuffix(word).strip("_") if key.endswith(word) else "",
        ):
            if argument in _RANKS:
                return base, argument
    return None, key


def origin_of(prefix: str) -> Origin:
    """What an export says of the columns with a prefix."""
    if prefix in SETTING_PREFIXES:
        return "setting"
    if prefix in OUTCOME_PREFIXES:
        return "outcome"
    return "tag" if prefix in TAG_PREFIXES else ""
