"""Roles of Hugging Face models, written down by hand from their papers and code; no recipe line."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.family_cache import family_for
from mutransfer_cli.models.huggingface.losses import masked_loss, seq2seq_loss
from mutransfer_cli.models.proxy import plan_for, proxy
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size

IMAGE = "{head_dim: 16, image_size: 8, patch_size: 2, num_channels: 1}"
ARGS = {"mamba": "{}", "t5": "{d_kv: 16}", "vit": IMAGE}
DECODER = {
    "model.embed_tokens.weight": "input",
    "*_proj.weight": "hidden",
    "*norm.weight": "vector",
    "lm_head.weight": "readout",
}
ROLES = {
    "llama": DECODER,
    # the gains of the QK norm have the head's size, which is fixed
    "qwen3": {"*.q_norm.weight": "scalar", "*.k_norm.weight": "scalar", **DECODER},
    "mixtral": {
        "*.mlp.gate.weight": "readout",  # the router: to 8 experts
        "*.experts.gate_up_proj": "expert",
        "*.experts.down_proj": "expert",
        **DECODER,
    },
    "granite": DECODER,
    "gpt2": {
        "transformer.wte.weight": "tied",
        "transformer.wpe.weight": "input",
        "*.c_*.weight": "hidden",
        "*.ln_*": "vector",
        "*.bias": "vector",
    },
    "mamba": {
        "backbone.embeddings.weight": "tied",
        "*.A_log": "fixed",
        "*.D": "fixed",
        "*.dt_proj.*": "fixed",
        "*.conv1d.weight": "convolution",  # depthwise
        "*.conv1d.bias": "vector",
        "*_proj.weight": "hidden",
        "*norm*.weight": "vector",
    },
    "t5": {
        "shared.weight": "tied",
        "*.relative_attention_bias.weight": "input",
        "*.layer_norm.weight": "vector",
        "*_layer_norm.weight": "vector",
        "*.weight": "hidden",
    },
    "vit": {
        "*.cls_token": "vector",
        "*.position_embeddings": "vector",
        "*.patch_embeddings.projection.weight": "input",
        "classifier.weight": "readout",
        "classifier.bias": "scalar",
        "*.bias": "vector",
        "*layernorm*.weight": "vector",
        "*.weight": "hidden",
    },
}


def recipe(kind: str, more: str = "", args: str | None = None) -> Recipe:
    data = "digits" if kind == "vit" else "stdlib, seq_len: 16"
    given = args or ARGS.get(kind, "{head_dim: 16}")
    return loads(
        f"name: x\nmodel: {{build: 'hf:{kind}', args: {given}}}\ndata: {{source: {data}}}\n"
        f"base: {{width: 64, depth: 2, batch: 4, steps: 5}}\nladder: {{width: [128]}}\n{more}"
    ).recipe


@pytest.mark.parametrize("kind", ROLES)
def test_roles(kind: str) -> None:
    for tensor in family_for(recipe(kind)).tensors:
        wanted = next(r for p, r in ROLES[kind].items() if fnmatchcase(tensor.name, p))
        assert tensor.role == wanted, tensor.name


def test_transposed_weights_have_their_own_fans() -> None:
    up = family_for(recipe("gpt2")).tensor("transformer.h.0.mlp.c_fc.weight")
    assert up.base_shape == (64, 256)  # (in, out), the other way round than torch.nn.Linear
    assert up.fans(up.base_shape) == (64, 256)


def test_grouped_query_attention_keeps_its_ratio() -> None:
    family = family_for(recipe("mixtral"))  # 32 heads to 8 by default
    key = family.tensor("model.layers.0.self_attn.k_proj.weight")
    assert key.base_shape == (16, 64)
    plan = plan_for(recipe("mixtral"), Size(256, 2, 4, 5))
    assert plan.tensor(key.name).shape == (64, 256)
    held = recipe("llama", args="{head_dim: 16, num_key_value_heads: 2}")
    plan = plan_for(held, Size(256, 2, 4, 5))
    fixed = plan.tensor("model.layers.0.self_attn.k_proj.weight")
    assert (fixed.shape, fixed.role) == ((32, 256), "readout")  # its output does not grow
    assert fixed.lr == pytest.approx(0.005 / 4)  # inside the model: its multiplier is absorbed


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mixtral", "vit", "mamba", "t5"])
def test_a_plan_is_applied_and_trains(kind: str) -> None:
    made = recipe(kind)
    subject = proxy(made, Size(128, 2, 4, 5), 0)
    assert subject.loss is not None and subject.batch is not None and subject.optimizer is not None
    before = [p.detach().clone() for p in subject.model.parameters()]
    loss = subject.loss(subject.model, subject.batch(0))
    loss.backward()  # type: ignore[no-untyped-call]
    subject.optimizer.step()
    assert bool(torch.isfinite(loss))
    moved = [not torch.equal(a, b) for a, b in zip(before, subject.model.parameters(), strict=True)]
    assert sum(moved) > len(moved) / 2


def test_t5_has_half_of_its_multiplier_already() -> None:
    """Its forward pass multiplies what the tied readout gets by 1/√width; muP asks for 1/width."""
    plan = plan_for(recipe("t5"), Size(256, 2, 4, 5))
    assert plan.forward["logit_scale"] == pytest.approx(4**-0.5)


def test_embeddings_that_the_model_multiplies_by_the_root_of_its_width(tmp_path: Path) -> None:
    """Gemma: √width on what is looked up; a constant embedding asks for 1/√m beside it."""
    config = {
        "model_type": "gemma", "hidden_size": 64, "intermediate_size": 128, "vocab_size": 256,
        "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 16, "num_hidden_layers": 2,
    }  # fmt: skip
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    plan = plan_for(recipe(str(path), args="{}"), Size(256, 2, 4, 5))
    assert plan.forward["embedding_scale"] == pytest.approx(4**-0.5)
    assert plan.sites["embedding_scale"].modules == ("model.embed_tokens",)
    llama = plan_for(recipe("llama"), Size(256, 2, 4, 5))
    assert llama.forward["embedding_scale"] == 1.0 and "embedding_scale" not in llama.sites


@pytest.mark.parametrize("kind", ["opt", "bloom", "gpt2", "llama"])
def test_scale_of_attention_wherever_it_is_put(kind: str) -> None:
    """OPT scales q, Bloom the product (baddbmm's alpha), the others leave it to the kernel."""
    args = "{n_head: 4}" if kind == "bloom" else "{head_dim: 16}"
    family = family_for(recipe(kind, args=args))
    assert family.attention[0].head_size in (16, 32)  # Bloom's heads grow: 64/4 and more
    assert family.attention[0].scale == pytest.approx(family.attention[0].head_size ** -0.5)


def test_a_logit_scale_of_the_authors_is_kept() -> None:
    """Cohere's 1/16, divided by m = 4."""
    at_base, wide = (plan_for(recipe("cohere"), Size(w, 2, 4, 5)) for w in (64, 256))
    assert at_base.forward["logit_scale"] == pytest.approx(0.0625)
    assert wide.forward["logit_scale"] == pytest.approx(0.0625 / 4)


def test_no_model_is_shown_what_it_has_to_say() -> None:
    """The encoder of T5 sees the first half alone, BERT its text with holes in it."""
    inputs, targets = torch.arange(16)[None] + 40, torch.arange(16)[None] + 41
    seen: dict[str, torch.Tensor] = {}

    class Spy(torch.nn.Module):
        config = SimpleNamespace(vocab_size=256)

        def forward(self, **given: torch.Tensor) -> SimpleNamespace:
            seen.update(given)
            length = given.get("decoder_input_ids", given["input_ids"]).shape[1]
            return SimpleNamespace(logits=torch.zeros(1, length, 256))

    spy = Spy()
    seq2seq_loss(spy, (inputs, targets))
    said = set(targets[0, 8:].tolist())
    assert not said & set(seen["input_ids"][0].tolist())
    assert seen["decoder_input_ids"].tolist() == inputs[:, 8:].tolist()
    # uniform logits: log 256 on each hidden position and nothing elsewhere
    assert float(masked_loss(spy, (inputs, targets))) == pytest.approx(math.log(256))
    holes = seen["input_ids"] != inputs
    assert 1 <= int(holes.sum()) <= 5 and set(seen["input_ids"][holes].tolist()) == {255}


def test_types_that_have_several_models() -> None:
    found = {
        kind: type(proxy(recipe(kind), Size(64, 2, 4, 5), 0).model).__name__ for kind in SEVERAL
    }
    assert found == SEVERAL


SEVERAL = {
    "bert": "BertForMaskedLM",
    "bart": "BartForConditionalGeneration",
    "llama": "LlamaForCausalLM",
}


def test_branches_end_where_they_are_added() -> None:
    ends = family_for(recipe("mixtral"), True).ends
    assert ends == {
        f"model.layers.{i}.{t}"
        for i in (0, 1)
        for t in ("self_attn.o_proj.weight", "mlp.experts.down_proj")
    }


def test_depth_of_a_model_without_a_knob_is_folded() -> None:
    plan = plan_for(recipe("llama", "parameterization: completep\n"), Size(64, 8, 4, 5))
    base = plan_for(recipe("llama", "parameterization: completep\n"), Size(64, 2, 4, 5))
    out, up = "model.layers.7.mlp.down_proj.weight", "model.layers.7.mlp.up_proj.weight"
    one = base.tensor(out.replace("7", "1"))
    # m_L = 4, alpha 1: std · 1/4, rate · m_L^(alpha-1) · 1/4; ε · 1/4 · 4
    assert plan.tensor(out).init_std == pytest.approx((one.init_std or 0) / 4)
    assert plan.tensor(out).lr == pytest.approx(one.lr / 4)
    assert plan.tensor(out).eps == pytest.approx(one.eps)
    assert plan.tensor(up).lr == pytest.approx(one.lr)
    # Granite has a knob, which takes the multiplier instead
    granite = plan_for(recipe("granite", "parameterization: completep\n"), Size(64, 8, 4, 5))
    assert granite.forward["residual_scale"] == pytest.approx(0.25)
    assert granite.sites["residual_scale"].attribute == "residual_multiplier"


def test_a_config_file_keeps_head_size_and_ratios(tmp_path: Path) -> None:
    config = {
        "model_type": "llama", "hidden_size": 512, "intermediate_size": 1536, "vocab_size": 320,
        "num_attention_heads": 8, "num_key_value_heads": 4, "num_hidden_layers": 6,
    }  # fmt: skip
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    made = recipe(str(path), args="{}").model_copy(
        update={"base": recipe("llama").base.model_copy(update={"width": 128})}
    )
    family = family_for(made)
    assert family.tensor("model.layers.0.self_attn.k_proj.weight").base_shape == (64, 128)
    assert family.tensor("model.layers.0.mlp.up_proj.weight").base_shape == (384, 128)
    assert family.attention[0].head_size == 64


@pytest.mark.parametrize(
    ("kind", "args", "line"),
    [
        ("lama", "{}", "no such model type"),
        ("none/config.json", "{}", "cannot be read"),
        ("llama", "{head_dim: 48}", "not a whole number"),
        ("llama", "{hidden: 3}", "model.args.hidden: hf:llama has no such entry"),
    ],
)
def test_wrong_input(kind: str, args: str, line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        family_for(recipe(kind, args=args))
    assert "\n" not in str(caught.value)


def test_a_broken_torchvision_is_survived(tmp_path: Path) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text("raise RuntimeError('broken')\n")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.models.huggingface.test_scaled_config import recipe, family_for\n"
        "print(len(family_for(recipe('vit')).tensors))\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
