"""Each stack's rule once more, from its documentation and source, as a reader of emitted files.

A reader gets the text of a file and the model (names and shapes), and says for every tensor what
the stack would train it with. Nothing here knows of plans. Written from:
  Megatron-LM d98e8a64dd   core/optimizer get_mup_config_overrides; transformer_config.py
  nanoGPT-mup b2a5e60, completep 6f8bc3b   model.py: __init__, configure_optimizers
  Cerebras modelzoo f1fd1e0   gpt2_model.py: GPT2Model.__init__; lr_adjustment_groups
  torchtitan b5bcd76c6   components/optimizer: first matching pattern; no multipliers; 1/√d_head
  GraniteConfig   transformers, modeling_granite.py
  lm-engine 36bad91e   init_utils.py; d014e77: training/optimization/params_group.py
  NeMo Automodel   optimizer.param_group_overrides
  mup 1981497   MuAdamW, MuReadout
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from math import sqrt
from typing import Any

import yaml

OWN = None  # the stack's own init: ones and zeros


@dataclass
class Read:
    """One tensor, as the stack trains it."""

    lr: float
    weight_decay: float
    eps: float
    init_std: float | None = OWN
    multiplier: float = 1.0


@dataclass
class Reading:
    tensors: dict[str, Read]
    attention_scale: float | None
    tied_logits: float | None
    clip: float | None


@dataclass
class Model:
    """What a stack knows of a model without any plan."""

    shapes: Mapping[str, tuple[int, ...]]
    base: Mapping[str, tuple[int, ...]]
    head_size: int
    tied: bool


def kind(name: str) -> str:
    """embedding | readout | in | out | vector, by hand for the two naming schemes."""
    if name.endswith("bias"):
        return "vector"
    if re.search(r"token|position|embed_tokens", name):
        return "embedding"
    if re.search(r"readout|lm_head", name):
        return "readout"
    if re.search(r"attention\.out|o_proj", name):
        return "attention out"
    if re.search(r"mlp\.down|down_proj", name):
        return "down"
    if re.search(r"qkv|[qkv]_proj", name):
        return "qkv"
    return "up" if re.search(r"mlp\.up|gate_proj|up_proj", name) else "vector"


INNER, OUT = ("qkv", "up"), ("attention out", "down")


def megatron(files: Mapping[str, str], model: Model) -> Reading:
    (text,) = files.values()
    args: dict[str, str] = {}
    for line in re.search(r"\((.*)\)", text[text.index("MUTRANSFER_ARGS") :], re.S)[1].splitlines():
        words = line.split("#")[0].split()
        if words:
            args[words[0]] = words[1] if len(words) > 1 else "yes"
    number = {k: float(v) for k, v in args.items() if re.fullmatch(r"[-+.e\d]+", v)}
    mup = "--use-mup" in args
    m = number["--hidden-size"] / number["--mup-base-hidden-size"] if mup else 1.0
    std, lr, eps = number["--init-method-std"], number["--lr"], number["--adam-eps"]
    outer = number["--embedding-init-method-std"]
    decay, layers = number["--weight-decay"], number["--num-layers"]
    logits = number["--mup-output-mult"] if mup else 1.0
    if mup and logits == 1.0:
        logits = 1 / m  # "auto"
    embedding = number["--mup-embedding-mult"] if mup else 1.0
    found = {}
    for name in model.shapes:
        k = kind(name)
        if k in INNER:
            found[name] = Read(lr / m, decay, eps / m, std / sqrt(m))
        elif k in OUT:
            found[name] = Read(lr / m, decay, eps / m, std / sqrt(2 * layers * m))
        elif k == "embedding":
            found[name] = Read(lr, decay, eps, outer, embedding)
        elif k == "readout":
            found[name] = Read(lr, decay, eps, outer if mup else std, logits)
        else:
            found[name] = Read(lr, 0.0, eps)
    channels = number["--kv-channels"]
    scale = sqrt(number["--mup-base-head-dim"]) / channels if mup else channels**-0.5
    return Reading(found, scale, logits, number["--clip-grad"] or None)


def handed_std(text: str) -> float:
    """The init that train.py builds its model with: it calls GPTConfig(**model_args) without it."""

    def config(init_std: float = 0.02) -> float:
        return init_std

    train = {"init_from": "scratch", "GPTConfig": config, "mup_enabled": False}
    if "depth_alpha_enabled" in text.partition("n_layer = ")[2]:
        train["depth_alpha_enabled"] = False
    exec(text, train)
    return float(train["GPTConfig"]())  # type: ignore[operator]  # a function


def nanogpt(files: Mapping[str, str], model: Model) -> Reading:
    (text,) = files.values()
    c: dict[str, Any] = {}
    exec(text, c)
    m, lr, decay = (c[k] for k in ("mup_width_multiplier", "learning_rate", "weight_decay"))
    std = handed_std(text)
    deep = c.get("depth_alpha_enabled", False)
    r, a = (c["depth_multiplier"], c["depth_alpha_exp"]) if deep else (1.0, 1.0)
    eps = c["adam_eps"] / m * r**-a if deep else 1e-8  # of all groups
    inner_decay = decay * m if deep else decay
    inner_lr = lr * r ** (a - 1) / m
    found = {}
    for name in model.shapes:
        k = kind(name)
        if k == "readout" or (not c["bias"] and name.endswith("bias")):
            continue  # tied always; no biases anywhere
        if k == "embedding":
            found[name] = Read(lr, decay, eps, std, c["mup_input_alpha"])
        elif k in INNER:
            found[name] = Read(inner_lr, inner_decay, eps, std / sqrt(m))
        elif k in OUT:
            own = std / sqrt(m) if deep else std / sqrt(2 * c["n_layer"] * m)
            found[name] = Read(inner_lr, inner_decay, eps, own, r**-a if deep else 1.0)
        elif "blocks" in name:
            branch = r**-a if deep and re.search(r"attention\.out|mlp\.down", name) else 1.0
            found[name] = Read(lr * r ** (a - 1), 0.0, eps, OWN, branch)
        else:
            found[name] = Read(lr, 0.0, eps)
    size = c["n_embd"] // c["n_head"]
    scale = size**-0.5 if c["mup_disable_attention_scaling"] else 1 / size
    return Reading(found, scale, c["mup_output_alpha"] / m, c["grad_clip"] or None)


def cerebras(files: Mapping[str, str], model: Model) -> Reading:
    (text,) = files.values()
    init = yaml.safe_load(text)["trainer"]["init"]
    c, adam = init["model"], init["optimizer"]["AdamW"]
    mup = "mup_base_hidden_size" in c
    assert mup == ("mup_base_filter_size" in c), "both or an error"
    m = c["hidden_size"] / c["mup_base_hidden_size"] if mup else 1.0
    m_filter = c["filter_size"] / c["mup_base_filter_size"] if mup else 1.0
    deep = (2 * c["num_hidden_layers"]) ** -0.5 if mup else 1.0
    lines = init["schedulers"][0]["SequentialLR"]["schedulers"]
    lr = max(
        v for line in lines for o in line.values() for k, v in o.items() if "learning_rate" in k
    )
    decay, eps = adam["weight_decay"], adam["eps"]
    logits = c["output_logits_alpha"] / m if mup else 1.0
    std = {
        "embedding": c["embedding_initializer"]["std"],
        "qkv": c["initializer"]["std"] * m**-0.5,
        "attention out": c["output_layer_initializer"]["std"] * m**-0.5 * deep,
        "up": c["ffn_initializer"]["std"] * m**-0.5,
        "down": c["ffn_output_layer_initializer"]["std"] * m_filter**-0.5 * deep,
        "readout": c.get("initializer_range", 0.02),
    }
    rate = {"qkv": lr / m, "attention out": lr / m, "up": lr / m, "down": lr / m_filter}
    times = {"embedding": c["embeddings_scale"], "readout": logits}
    found = {}
    for name in model.shapes:
        k = kind(name)
        wd = 0.0 if k == "vector" else decay
        found[name] = Read(rate.get(k, lr), wd, eps, std.get(k), times.get(k, 1.0))
    size = model.head_size
    scale = c["attention_logits_alpha"] / (size if c["scale_qk_dot_by_d"] else sqrt(size))
    return Reading(found, scale, logits, init.get("precision", {}).get("max_gradient_norm"))


def executed(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    exec(text, found)
    return found


TITAN = {
    "embed_tokens": "tok_embeddings", "q_proj": "wq", "k_proj": "wk", "v_proj": "wv",
    "o_proj": "wo", "gate_proj": "w1", "up_proj": "w3", "down_proj": "w2",
    "input_layernorm": "attention_norm", "post_attention_layernorm": "ffn_norm",
    "norm": "norm", "lm_head": "output",
}  # fmt: skip


def torchtitan(files: Mapping[str, str], model: Model) -> Reading:
    (text,) = files.values()
    c = executed(text)
    found = {}
    for name in model.shapes:
        module, _, _ = name.rpartition(".")
        field = TITAN[module.rpartition(".")[2]]
        layer = re.search(r"layers\.\d+\.", name)
        path = f"{layer[0] if layer else ''}attention.{field}.weight"
        options = next(o for pattern, o in c["GROUPS"] if re.search(pattern, path))
        std = c["INIT"].get({"wk": "wkv", "wv": "wkv", "output": "lm_head"}.get(field, field))
        if isinstance(std, tuple):
            std = std[int(re.search(r"layers\.(\d+)", name)[1])]
        found[name] = Read(options["lr"], options["weight_decay"], options["eps"], std)
    clip = c["TRAINING"]["max_norm"]
    own = model.head_size**-0.5
    return Reading(found, own, None, None if clip == float("inf") else clip)


def granite(config: Mapping[str, Any], groups: Callable[[str], Read], model: Model) -> Reading:
    times = {
        "embedding": config["embedding_multiplier"],
        "readout": 1 / config["logits_scaling"],
        "attention out": config["residual_multiplier"],
        "down": config["residual_multiplier"],
    }
    found = {}
    for name in model.shapes:
        k, read = kind(name), groups(name)
        read.init_std = OWN if k == "vector" else config["initializer_range"]
        read.multiplier = times.get(k, 1.0)
        found[name] = read
    scale = config["attention_multiplier"]
    return Reading(found, scale, 1 / config["logits_scaling"], None)


def hf_granite(files: Mapping[str, str], model: Model) -> Reading:
    c = executed(files["mutransfer_granite.py"])

    def group(name: str) -> Read:
        options = next(o for pattern, o in c["GROUPS"] if re.search(pattern, name))
        return Read(options["lr"], options["weight_decay"], options["eps"])

    found = granite(c["CONFIG"], group, model)
    found.clip = c["TRAINING_ARGUMENTS"]["max_grad_norm"] or None
    return found


def automodel(files: Mapping[str, str], model: Model) -> Reading:
    values = yaml.safe_load(files["automodel.yaml"])
    o = values["optimizer"]

    def group(name: str) -> Read:
        entry = next(e for e in o["param_group_overrides"] if re.search(e["pattern"], name))
        return Read(o["lr"] * entry["lr_mult"], o["weight_decay"] * entry["wd_mult"], o["eps"])

    found = granite(yaml.safe_load(files["config.json"]), group, model)
    clip = values["clip_grad_norm"]["max_norm"]
    found.clip = None if clip == float("inf") else 1.0 if clip is None else clip
    return found


# lm-engine's names for those of the built-in gpt and of transformers' Llama, by hand
ENGINE_NAMES = (
    (r"token|embed_tokens", "transformer.wte"), (r"position", "transformer.wpe"),
    (r"readout|lm_head", "lm_head"), (r"qkv|[qkv]_proj", "sequence_mixer.c_attn"),
    (r"attention\.out|o_proj", "sequence_mixer.c_proj"),
    (r"mlp\.up|gate_proj|up_proj", "mlp_block.c_fc"),
    (r"mlp\.down|down_proj", "mlp_block.c_proj"), (r"norm1|input_layernorm", "ln_1"),
    (r"norm2|post_attention_layernorm", "ln_2"), (r"norm", "transformer.ln_f"),
)  # fmt: skip


def engine_name(name: str) -> str:
    """lm-engine's name of a parameter, which its wrapper begins with `model.`."""
    module = next(own for pattern, own in ENGINE_NAMES if re.search(pattern, name))
    layer = re.search(r"\.(\d+)\.", name)
    block = f"transformer.h.{layer[1]}." if layer else ""
    return f"model.{block}{module}.{name.rpartition('.')[2]}"


def lm_engine(files: Mapping[str, str], model: Model) -> Reading:
    (text,) = files.values()
    values = yaml.safe_load(text)
    c = values["model_args"]["pretrained_config"]
    o = values["optimizer_args"]["class_args"]
    m, std = c["m_width"], c["initializer_range"]
    assert c["init_method"] == "mup"
    deep = (2 * c["num_layers"]) ** -0.5 if c["use_depth_scaled_init"] else 1.0
    found = {}
    for name in model.shapes:
        k = kind(name)
        own = engine_name(name)
        groups = values["optimizer_args"]["param_groups"]
        group = next(g for g in groups if any(fnmatch(own, p) for p in g["patterns"]))
        options = o | group["params_group_kwargs"]
        numbers = options["lr"], options["weight_decay"], options["eps"]
        if k in INNER:
            found[name] = Read(*numbers, std / sqrt(m))
        elif k in OUT:
            found[name] = Read(*numbers, std / sqrt(m) * deep, c["m_residual"])
        elif k == "vector":
            branch = c["m_residual"] if re.search(r"attention\.out|mlp\.down", name) else 1.0
            found[name] = Read(*numbers, OWN, branch)
        else:
            times = c["m_emb"] if k == "embedding" else 1 / m
            found[name] = Read(*numbers, std, times)
    scale = c["sequence_mixer_blocks"][0]["attention_multiplier"]
    return Reading(found, scale, 1 / m, values["training_parameters"]["gradient_clipping"])


def plain_torch(files: Mapping[str, str], model: Model) -> Reading:
    """torch and lightning: values by name; torch's optimizers take them as they are."""
    (text,) = (t for n, t in files.items() if n.endswith(".py"))
    start = text.index("OPTIMIZERS = ")
    c = executed(text[start : text.index("import hashlib")])
    forward = {k: v for k, v in c["FORWARD"].items() if v is not None}
    times = {
        "embedding": forward.get("embedding_scale", 1.0),
        "readout": forward.get("logit_scale", 1.0),
        "attention out": forward.get("residual_scale", 1.0),
        "down": forward.get("residual_scale", 1.0),
    }
    found = {}
    for name, t in c["TENSORS"].items():
        o, k = t["options"], kind(name)
        if re.search(r"(attention\.out|mlp\.down)\.bias", name):
            k = "down"
        found[name] = Read(o["lr"], o["weight_decay"], o["eps"], t["init_std"], times.get(k, 1.0))
    return Reading(found, forward.get("attention_scale"), forward.get("logit_scale"), c["CLIP"])


def mup_bsh(files: Mapping[str, str], model: Model) -> Reading:
    (text,) = files.values()
    shapes = yaml.safe_load(text)
    lr = float(re.search(r"lr=([-.e\d]+)", text)[1])
    eps = float(re.search(r"eps=([-.e\d]+)", text)[1])
    decay = float(re.search(r"weight_decay=([-.e\d]+)", text)[1])
    stds = dict(re.findall(r"^#   (\S+): (\S+)$", text, re.M))
    found = {}
    for name, shape in model.shapes.items():
        base = shapes[name]
        infinite = [d for d, n in enumerate(base) if n is not None]
        m = shape[-1] / base[-1] if len(infinite) == 2 else 1.0
        wd = 0.0 if kind(name) == "vector" else decay * m
        std = float(stds[name]) if name in stds else OWN
        found[name] = Read(lr / m, wd, eps, std)
    # MuReadout has the 1/m of the logits; the rest of the multipliers the file asks the user for
    forward = {k: float(v) for k, v in re.findall(r"(\w+_scale) = ([-.e\d]+)", text)}
    times = {
        "embedding": forward.get("embedding_scale", 1.0),
        "readout": forward["logit_scale"],
        "attention out": forward.get("residual_scale", 1.0),
        "down": forward.get("residual_scale", 1.0),
    }
    for name, read in found.items():
        k = "down" if re.search(r"(attention\.out|mlp\.down)\.", name) else kind(name)
        read.multiplier = times.get(k, 1.0)
    return Reading(found, forward["attention_scale"], forward["logit_scale"], None)


def optax(files: Mapping[str, str], model: Model) -> Reading:
    """The values by name; optax's transformations take them as they are."""
    (text,) = files.values()
    values = text[text.index("CLIP = ") : text.index("import hashlib")]
    return plain_torch({"values.py": f"OPTIMIZERS = None\n{values}\nimport hashlib"}, model)


READERS: dict[str, Callable[[Mapping[str, str], Model], Reading]] = {
    "torch": plain_torch,
    "lightning": plain_torch,
    "optax": optax,
    "hf-granite": hf_granite,
    "nanogpt-mup": nanogpt,
    "nanogpt-completep": nanogpt,
    "megatron": megatron,
    "cerebras": cerebras,
    "torchtitan": torchtitan,
    "lm-engine": lm_engine,
    "automodel": automodel,
    "bsh": mup_bsh,
}
