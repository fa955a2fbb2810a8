"""Correct models of each rule that sources dispute, and of each further axis, for checks of them.

By name: the recipe without its name, and the axis. Errors are powers of the size on the rates of
some tensors: of the rule that is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.helpers.check_models import GPT, MLP, adam

SGD = "optimizer: {name: sgd, lr: 0.0078125}\n"
ADAM = "optimizer: {name: adamw, lr: 0.0078125, eps: 1.0e-10}\n"
SLOW_ADAM = "optimizer: {name: adamw, lr: 0.0001, eps: 1.0e-12, weight_decay: 0.0}\n"
MOE = """
model: {build: moe, args: {head_dim: 8}}
init: {embedding_std: 0.1}
data: {source: stdlib, seq_len: 8}
base: {width: 32, depth: 1, batch: 8, steps: 9, experts: 8, active_experts: 2, expert_width: 16}
"""
LORA = """
model: {build: "tests.helpers.adapters:build", args: {power: POWER, zero: ZERO}}
data: {source: teacher, d_in: 16, d_out: 10}
base: {width: 64, depth: 2, batch: 16, steps: 9, rank: 4}
"""
STACK = """
model: {build: "tests.helpers.deep_stacks:KIND"}
init: {from: model}
data: {source: teacher, d_in: 16, d_out: 10}
base: {width: 32, depth: 2, batch: 16, steps: 100}
ladder: {width: [32, 64]}
"""
WORDS = """
model: {build: gpt, args: {vocab_size: 2048, head_dim: 16}}
data: {source: words, seq_len: 16}
base: {width: 64, depth: 1, batch: 8, steps: 9}
ladder: {width: [64, 128]}
"""
MUON = "optimizer: {name: muon, lr: 0.02, adamw_lr: 0.004, trains: [TRAINS]}\n"
COMPLETEP = "parameterization: completep\n"


@dataclass(frozen=True)
class RuleModel:
    """A model that follows a rule.

    Attributes:
        text: Its recipe, without a name.
        axis: The axis along which it is checked.
        error: A pattern of tensors, and the power of the size on their rates that is wrong.
    """

    text: str
    axis: str = "width"
    error: tuple[str, float] | None = None


def adapters(power: float, zero: str) -> str:
    return LORA.replace("POWER", str(power)).replace("ZERO", zero) + ADAM


def stack(kind: str) -> str:
    return STACK.replace("KIND", kind)


RULES: dict[str, RuleModel] = {
    **{
        f"moe {rule}, {axis}": RuleModel(
            MOE + ADAM + f"rules: {{experts: {rule}}}\n", axis, ("*.mlp.down", power)
        )
        for rule in ("active-width", "averaged")
        for axis, power in (
            ("width", 1.0),
            ("experts", 0.5),
            ("active_experts", 1.0),
            ("expert_width", 1.0),
        )
    },
    **{
        f"moe sgd, {axis}": RuleModel(MOE + SGD, axis, ("*.mlp.up", -1.0))
        for axis in ("experts", "expert_width")
    },
    "lora, factor 1/rank": RuleModel(adapters(1, "B"), "rank", ("*lora_B*", 0.5)),
    "rsLoRA": RuleModel(adapters(0.5, "B"), "rank", ("*lora_B*", 0.5)),
    "lora, constant factor": RuleModel(adapters(0, "B"), "rank", ("*lora_B*", 1.0)),
    "lora, A zero": RuleModel(adapters(1, "A"), "rank", ("*lora_A*", -1.0)),
    "lora, width": RuleModel(adapters(1, "B"), "width", ("*lora_A*", 1.0)),
    "mlp adamh": RuleModel(MLP + adam("adamh", 0.0), error=("hidden.*.weight", 0.5)),
    "gpt adamh": RuleModel(GPT + adam("adamh", 0.0), error=("*.qkv.weight", 0.5)),
    "mlp muonh": RuleModel(MLP + adam("muonh", 0.0), error=("hidden.*.weight", 0.5)),
    "gpt muonh": RuleModel(GPT + adam("muonh", 0.0), error=("*.up.weight", 0.5)),
    "large vocabulary": RuleModel(
        WORDS + ADAM + "rules: {embedding: large-vocab}\n", error=("token.weight", 0.5)
    ),
    "measured embedding rate": RuleModel(
        WORDS + ADAM + "rules: {embedding: measured, embedding_exponent: -1}\n",
        error=("token.weight", 1.0),
    ),
    "muon match_rms_adamw": RuleModel(
        GPT + "optimizer: {name: muon, lr: 0.02, adamw_lr: 0.004, adjust_lr: match_rms_adamw}\n",
        error=("*.up.weight", 0.5),
    ),
    "muon at both ends": RuleModel(
        GPT + MUON.replace("TRAINS", "hidden, embedding, readout"), error=("token.weight", -0.5)
    ),
    "muon readout, many words": RuleModel(
        WORDS + MUON.replace("TRAINS", "hidden, readout"), error=("readout.weight", 0.5)
    ),
    "muon embeddings, many words": RuleModel(
        WORDS + MUON.replace("TRAINS", "hidden, token.weight"), error=("token.weight", 0.5)
    ),
    "muon tied": RuleModel(
        GPT.replace("args: {", "args: {tied: true, ") + MUON.replace("TRAINS", "hidden, tied"),
        error=("token.weight", 0.5),
    ),
    "post-norm": RuleModel(stack("post_norm") + SLOW_ADAM + COMPLETEP, "depth"),
    "parallel": RuleModel(stack("parallel") + SLOW_ADAM + COMPLETEP, "depth"),
    "looped": RuleModel(stack("looped") + SLOW_ADAM + COMPLETEP, "depth"),
    "plain convnet, maximal updates": RuleModel(
        stack("plain_convnet") + SLOW_ADAM + "rules: {depth: maximal-update}\n", "depth"
    ),
}
