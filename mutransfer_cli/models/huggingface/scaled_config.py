"""Hugging Face models from their configs: `hf:llama`, `hf:path/config.json`; nothing is downloaded.

Every size of a config that follows its hidden size is scaled with it; the head size stays, and the
number of heads grows in the config's own ratio. What the recipe's `model.args` give is held fixed.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.data.opening import classes_of
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size

WIDTH = ("hidden_size", "d_model", "n_embd", "embed_dim", "dim")
GROWS = frozenset(
    {"intermediate_size", "n_inner", "d_ff", "ffn_dim", "encoder_ffn_dim", "decoder_ffn_dim"}
    | {"moe_intermediate_size", "shared_expert_intermediate_size", "shared_intermediate_size"}
    | {"pooler_output_size", "time_step_rank", "word_embed_proj_dim", "lru_width", "hidden_dim"}
    | {"q_lora_rank", "kv_lora_rank", "rotary_ndims", "ffn_hidden_size", "expert_intermediate_size"}
)
HEADS = ("num_attention_heads", "n_head", "num_heads", "n_heads", "encoder_attention_heads")
MORE_HEADS = ("encoder_attention_heads", "decoder_attention_heads")
KEYS = ("num_key_value_heads", "num_kv_heads")
HEAD_SIZE = ("head_dim", "d_kv")
DEPTH = ("num_hidden_layers", "n_layer", "num_layers", "n_layers", "encoder_layers")
MORE_DEPTH = ("num_decoder_layers", "encoder_layers", "decoder_layers")
# The state space's own tensors: transition, skip and step size (no published rule; assumption).
STATE_SPACE = ("*.A_log", "*.D", "*.dt_proj.*", "*.dt_bias")
IGNORED = -100  # target of a position that has nothing to say
CAUSAL, SEQ2SEQ = "AutoModelForCausalLM", "AutoModelForSeq2SeqLM"
MASKED, IMAGES = "AutoModelForMaskedLM", "AutoModelForImageClassification"


def transformers() -> Any:
    """The package; a torchvision that is broken is kept out of its way."""
    if "transformers" not in sys.modules and "torchvision" not in sys.modules:
        sys.modules["torchvision"] = None  # type: ignore[assignment]  # reads as: not installed
        try:
            importlib.import_module("transformers.utils").is_torchvision_available()  # remembered
        except ImportError as error:
            raise InputError(
                f"hf: needs the package transformers: pip install 'mutransfer[hf]' ({error})",
                path=("model", "build"),
            ) from error
        finally:
            del sys.modules["torchvision"]
    found: Any = importlib.import_module("transformers")
    found.logging.set_verbosity_error()
    return found


def first(values: dict[str, Any], names: tuple[str, ...]) -> str | None:
    """The first of the names that the config has as a number."""
    return next((n for n in names if isinstance(values.get(n), int)), None)


def known_config(name: str) -> tuple[str, dict[str, Any], bool]:
    """Model type, the values of its config, and whether a file gave them.

    name: a model type or the path of a config.json. Raises InputError for neither.
    """
    library = transformers()
    if not name.endswith(".json"):
        known = library.CONFIG_MAPPING
        try:
            config = known[name]()
        except KeyError:
            raise InputError(
                f"hf:{name}: transformers {library.__version__} has no such model "
                "type; expected llama, gpt2, qwen3, mixtral, mamba, vit, t5, …",
                path=("model", "build"),
            ) from None
        return name, config.to_dict(), False
    try:
        values = json.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{name}: cannot be read: {error.strerror}", path=("model", "build")
        ) from error
    except ValueError as error:
        raise InputError(f"{name}: not a JSON file: {error}", path=("model", "build")) from error
    kind = str(values.get("model_type")) if isinstance(values, dict) else "missing"
    if kind not in library.CONFIG_MAPPING:
        raise InputError(
            f"{name}: model_type is {kind!r}, which transformers "
            f"{library.__version__} does not know",
            path=("model", "build"),
        )
    return kind, {**library.CONFIG_MAPPING[kind](**values).to_dict(), **values}, True


def whole(value: float, name: str, width: int) -> int:
    if value < 1 or abs(value - round(value)) > 1e-9 * value:
        raise InputError(
            f"width {width}: {name} would be {value:g}, not a whole number; take a width "
            "that keeps it whole, or hold it fixed in model.args",
            path=("model",),
        )
    return round(value)


def sized(values: dict[str, Any], fixed: dict[str, Any], size: Size) -> dict[str, Any]:
    """The config's values that follow width and depth, at a size."""
    width_name, head_count = first(values, WIDTH), first(values, HEADS)
    if width_name is None:
        raise InputError(
            "its config has no hidden size that is known here; give model.width, such as "
            "{hidden_size: 1}",
            path=("model",),
        )
    ratio = size.width / values[width_name]
    found: dict[str, Any] = {width_name: size.width}
    for name in sorted(GROWS & values.keys()):
        if isinstance(values[name], int) and values[name] > 1:
            found[name] = whole(values[name] * ratio, name, size.width)
    if head_count is not None:
        found |= heads(values, fixed, width_name, head_count, size.width)
    depth_name = first(values, DEPTH)
    if depth_name is not None:
        found[depth_name] = size.depth
        for name in MORE_DEPTH:
            if isinstance(values.get(name), int):
                found[name] = whole(
                    values[name] * size.depth / values[depth_name], name, size.width
                )
        for name, value in values.items():  # one entry a layer
            if isinstance(value, list) and len(value) == values[depth_name] and name not in fixed:
                found[name] = [value[i % len(value)] for i in range(size.depth)]
    return found


def heads(
    values: dict[str, Any], fixed: dict[str, Any], width_name: str, count: str, width: int
) -> dict[str, Any]:
    """Numbers and size of the heads: the size stays, unless the number is held fixed."""
    own = first(values, HEAD_SIZE)
    head = values[own] if own else values[width_name] // values[count]
    share = values[count] * head / values[width_name]  # of the width that the queries have
    if count in fixed:
        per_head = whole(width * share / fixed[count], "head size", width)
        return {own: per_head} if own else {}
    head = fixed.get(own or "head_dim", fixed.get("head_dim", head))
    number = whole(width * share / head, count, width)
    found = {count: number}
    if own:
        found[own] = head
    for name in (*KEYS, *MORE_HEADS):
        if isinstance(values.get(name), int):
            found[name] = whole(values[name] / values[count] * number, name, width)
    return found


def config_of(recipe: Recipe, size: Size) -> Any:
    """The config at a size."""
    kind, values, from_file = known_config(recipe.model.build.removeprefix("hf:"))
    args = dict(recipe.model.args)
    unknown = [
        name
        for name in args
        if name not in values and name not in ("head_dim", "num_labels", "attn_implementation")
    ]
    if unknown:
        raise InputError(
            f"hf:{kind} has no such entry in its config", path=("model", "args", unknown[0])
        )
    model = recipe.model
    if model.width or model.depth:
        grown: dict[str, Any] = {
            n: whole(t * size.width, n, size.width) for n, t in model.width.items()
        }
        grown |= {n: whole(t * size.depth, n, size.width) for n, t in model.depth.items()}
    else:
        grown = sized(values, args, size)
    if recipe.data.source in ("stdlib", "text") and not from_file:
        args.setdefault("vocab_size", 256)  # bytes
    classes = classes_of(recipe)[1]
    if classes is not None:
        args.setdefault("num_labels", classes)
    given = {k: v for k, v in args.items() if k in values or k == "num_labels"}
    base = values if from_file else {}
    merged = {**base, **grown, **given}
    vocabulary = merged.get("vocab_size", values.get("vocab_size"))
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        token = merged.get(name, values.get(name))
        if isinstance(token, int) and isinstance(vocabulary, int) and token >= vocabulary:
            merged[name] = None
    merged.pop("model_type", None)
    try:
        return transformers().CONFIG_MAPPING[kind](**{**merged, "use_cache": False})
    except (TypeError, ValueError) as error:
        message = " ".join(str(error).split())
        raise InputError(f"hf:{kind}: its config refuses: {message}", path=("model",)) from error


def hugging_face(recipe: Recipe, size: Size, seed: int) -> Subject:
    """The model at a size, as its authors initialise it after `seed`."""
    config = config_of(recipe, size)
    kind, model = kind_of(config, recipe.model.build)
    torch.manual_seed(seed)
    return Subject(model._from_config(config), loss=LOSSES.get(kind))


def kind_of(config: Any, build: str) -> tuple[str, Any]:
    """The kind of model that a config is for, and its class.

    Raises InputError for a type that is for neither text nor images.
    """
    for kind in kinds_of(config):
        mapping = getattr(transformers(), kind)._model_mapping
        if type(config) in mapping:
            found = mapping[type(config)]
            return kind, found[0] if isinstance(found, tuple) else found
    raise InputError(f"{build}: no model for text or images of this type", path=("model", "build"))


def kinds_of(config: Any) -> tuple[str, ...]:
    """Kinds of model in the order in which they are looked for: a type may have several."""
    if getattr(config, "is_encoder_decoder", False):
        return SEQ2SEQ, CAUSAL
    if getattr(config, "is_decoder", False):
        return CAUSAL, MASKED, IMAGES
    return MASKED, CAUSAL, IMAGES  # one that sees both sides is not asked for the next token


def seq2seq_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The encoder reads the first half of a window, the decoder goes on with the second."""
    inputs, targets = batch
    half = inputs.shape[1] // 2
    before, after, wanted = inputs[:, :half], inputs[:, half:], targets[:, half:]
    logits: Tensor = model(input_ids=before, decoder_input_ids=after).logits
    return F.cross_entropy(logits.flatten(0, -2).float(), wanted.flatten())


def masked_loss(model: Any, batch: tuple[Tensor, Tensor]) -> Tensor:
    """One token in seven is hidden and has to be said; which ones depends on the text alone."""
    inputs, _ = batch
    places = torch.arange(inputs.shape[1], device=inputs.device)
    hidden = (31 * inputs + 17 * inputs.roll(1, 1) + places) % 7 == 0
    hidden = hidden | (places == len(places) // 2)  # one at least
    mask = model.config.mask_token_id if hasattr(model.config, "mask_token_id") else None
    mask = model.config.vocab_size - 1 if mask is None else mask
    logits: Tensor = model(input_ids=inputs.masked_fill(hidden, mask)).logits
    wanted = inputs.masked_fill(~hidden, IGNORED)
    return F.cross_entropy(logits.flatten(0, -2).float(), wanted.flatten(), ignore_index=IGNORED)


def image_loss(model: Any, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Vectors of numbers as images of the config's own size."""
    inputs, targets = batch
    side, channels = model.config.image_size, model.config.num_channels
    if inputs[0].numel() != channels * side**2:
        raise InputError(
            f"its images are {channels}×{side}×{side}, the data has {inputs[0].numel()} "
            "numbers an example; set image_size and num_channels in model.args",
            path=("model",),
        )
    logits: Tensor = model(pixel_values=inputs.view(-1, channels, side, side)).logits
    return F.cross_entropy(logits.float(), targets)


LOSSES = {
    SEQ2SEQ: seq2seq_loss,
    MASKED: masked_loss,
    IMAGES: image_loss,
}
