"""Roles of Hugging Face models, written down by hand from their papers and code; no recipe line."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from mutransfer_cli.models.family_cache import family_for
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from tests.helpers.hf_recipes import hf_recipe
from tests.helpers.proxies import plan_for

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


EXPERT_ROLES = {
    "*.router.weight": "readout",  # GPT-OSS, Llama 4 and Granite call it so
    "*.router.bias": "scalar",
    "*.experts.*_bias": "vector",  # of GPT-OSS, one row for each expert
    "*.sinks": "vector",  # of GPT-OSS, one for each head
    "*.experts.gate_up_proj": "expert",
    "*.experts.down_proj": "expert",
    "*.mlp.gate.weight": "readout",  # the router: to a fixed number of experts
    "*.shared_expert_gate.weight": "readout",  # one number for each token
    "*_proj.bias": "vector",
}
WIDTH = "hidden_size: 1, num_attention_heads: 0.0625, num_key_value_heads: 0.0625"
LATENT = (
    "n_group: 1, topk_group: 1, first_k_dense_replace: 1, qk_nope_head_dim: 8, "
    "qk_rope_head_dim: 8, v_head_dim: 16, head_dim: 8"
)
# Arguments, what follows the width beside it, and what differs from the roles of a decoder.
MIXTURES = {
    "mixtral": ("head_dim: 16", "", {}),
    "olmoe": ("norm_topk_prob: true", "", {}),  # QK norms over all heads, and so of the width
    "qwen2_moe": (
        "norm_topk_prob: true", ", intermediate_size: 2, shared_expert_intermediate_size: 1", {},
    ),
    "qwen3_moe": (
        "head_dim: 16, norm_topk_prob: true", ", intermediate_size: 2",
        {"*.q_norm.weight": "scalar", "*.k_norm.weight": "scalar"},
    ),
    "deepseek_v2": (
        LATENT, ", intermediate_size: 2, kv_lora_rank: 0.5, q_lora_rank: 0.5",
        {"*_proj_with_mqa.weight": "hidden"},
    ),
    "deepseek_v3": (
        LATENT, ", intermediate_size: 2, kv_lora_rank: 0.5, q_lora_rank: 0.5",
        {"*_proj_with_mqa.weight": "hidden"},
    ),
    "gpt_oss": ("head_dim: 16, layer_types: [full_attention, full_attention]", "", {}),
    "llama4_text": (
        "head_dim: 16, interleave_moe_layer_step: 1", ", intermediate_size_mlp: 2", {},
    ),
    "granitemoe": ("", "", {}),
}  # fmt: skip


def mixture(kind: str) -> Recipe:
    args, width, _ = MIXTURES[kind]
    return loads(
        f"name: x\nmodel:\n  build: 'hf:{kind}'\n  args: {{{args}}}\n"
        f"  width: {{{WIDTH}{width}}}\n  depth: {{num_hidden_layers: 1}}\n"
        "data: {source: stdlib, seq_len: 16}\n"
        "base: {width: 64, depth: 2, batch: 4, steps: 5, experts: 8, active_experts: 2, "
        "expert_width: 32}\nladder: {width: [128]}\n"
    ).recipe


def named(plan: Plan, *patterns: str) -> str:
    """The name of the first tensor that matches one of the patterns."""
    return next(t.name for t in plan.tensors if any(fnmatchcase(t.name, p) for p in patterns))


@pytest.mark.parametrize("kind", MIXTURES)
def test_mixtures_with_axes_of_their_own(kind: str) -> None:
    """Roles by hand, and what follows twice the experts, twice k and twice their width."""
    recipe = mixture(kind)
    roles = {**MIXTURES[kind][2], **EXPERT_ROLES, **DECODER}
    for tensor in family_for(recipe).tensors:
        wanted = next(r for p, r in roles.items() if fnmatchcase(tensor.name, p))
        assert tensor.role == wanted, tensor.name
    size = {"depth": 2, "batch": 4, "steps": 5, "experts": 8, "active_experts": 2}
    at_base = plan_for(recipe, Size(width=64, expert_width=32, **size))
    larger = {**size, "experts": 16, "active_experts": 4}
    plan = plan_for(recipe, Size(width=64, expert_width=64, **larger))
    for name, std, lr in (
        ("gate_up_proj", 1, 1),  # sums over the model's width
        ("down_proj", 2**0.5 * 2**-0.5, 1 / 2),  # k terms behind gates of 1/k; 1/√M and 1/M
    ):
        tensor = named(plan, f"*.layers.1.*.experts.{name}")
        old, new = at_base.tensor(tensor), plan.tensor(tensor)
        assert new.shape[0] == 16
        assert (new.init_std or 0) / (old.init_std or 1) == pytest.approx(std)
        assert new.lr / old.lr == pytest.approx(lr)
    router = named(plan, "*.layers.1.mlp.gate.weight", "*.layers.1.*.router.weight")
    old, new = (p.tensor(router) for p in (at_base, plan))
    assert new.shape == (16, 64) and new.lr == old.lr
    if kind.startswith("deepseek"):  # shared experts are as wide as the others
        shared = "model.layers.1.mlp.shared_experts.down_proj.weight"
        assert plan.tensor(shared).lr / at_base.tensor(shared).lr == pytest.approx(1 / 2)

    if kind == "gpt_oss":  # no decay of biases; a share 1/2 of the tokens: gradient ∝ 2^-1/2
        bias = named(plan, "*.layers.1.*.down_proj_bias")
        old, new = at_base.tensor(bias), plan.tensor(bias)
        assert (new.init, new.lr, new.weight_decay) == ("keep", old.lr, 0.0)
        assert (new.eps or 0) / (old.eps or 1) == pytest.approx(2**-0.5)


@pytest.mark.parametrize(("k", "how"), [(2, "keep"), (4, "rescale")])
def test_more_experts_of_a_token_rescale_the_model_s_own_init(k: int, how: str) -> None:
    """k terms behind gates of 1/k ask for an init ∝ √k; the stack keeps its shape."""
    recipe = mixture("mixtral")
    sizes = {"depth": 2, "batch": 4, "steps": 5, "experts": 8, "expert_width": 32}
    plan = plan_for(recipe, Size(width=64, active_experts=k, **sizes))
    down = plan.tensor("model.layers.1.mlp.experts.down_proj")
    assert down.init == how
    assert down.init_std == pytest.approx(0.02 * (k / 2) ** 0.5, rel=0.05)  # initializer_range
    assert plan.tensor("model.layers.1.mlp.experts.gate_up_proj").init == "keep"


@pytest.mark.parametrize("kind", ROLES)
def test_roles(kind: str) -> None:
    for tensor in family_for(hf_recipe(kind)).tensors:
        wanted = next(r for p, r in ROLES[kind].items() if fnmatchcase(tensor.name, p))
        assert tensor.role == wanted, tensor.name


def test_transposed_weights_have_their_own_fans() -> None:
    up = family_for(hf_recipe("gpt2")).tensor("transformer.h.0.mlp.c_fc.weight")
    assert up.base_shape == (64, 256)  # (in, out), the other way round than torch.nn.Linear
    assert up.fans(up.base_shape) == (64, 256)


def test_t5_has_half_of_its_multiplier_already() -> None:
    """Its forward pass multiplies what the tied readout gets by 1/√width; muP asks for 1/width."""
    plan = plan_for(hf_recipe("t5"), Size(256, 2, 4, 5))
    assert plan.forward["logit_scale"] == pytest.approx(4**-0.5)


def test_embeddings_that_the_model_multiplies_by_the_root_of_its_width(tmp_path: Path) -> None:
    """Gemma: √width on what is looked up; a constant embedding asks for 1/√m beside it."""
    config = {
        "model_type": "gemma", "hidden_size": 64, "intermediate_size": 128, "vocab_size": 256,
        "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 16, "num_hidden_layers": 2,
    }  # fmt: skip
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    plan = plan_for(hf_recipe(str(path), args="{}"), Size(256, 2, 4, 5))
    assert plan.forward["embedding_scale"] == pytest.approx(4**-0.5)
    assert plan.sites["embedding_scale"].modules == ("model.embed_tokens",)
    llama = plan_for(hf_recipe("llama"), Size(256, 2, 4, 5))
    assert llama.forward["embedding_scale"] == 1.0 and "embedding_scale" not in llama.sites


@pytest.mark.parametrize("kind", ["opt", "bloom", "gpt2", "llama"])
def test_scale_of_attention_wherever_it_is_put(kind: str) -> None:
    """OPT scales q, Bloom the product (baddbmm's alpha), the others leave it to the kernel."""
    args = "{n_head: 4}" if kind == "bloom" else "{head_dim: 16}"
    family = family_for(hf_recipe(kind, args=args))
    assert family.attention[0].head_size in (16, 32)  # Bloom's heads grow: 64/4 and more
    assert family.attention[0].scale == pytest.approx(family.attention[0].head_size ** -0.5)


def test_a_logit_scale_of_the_authors_is_kept() -> None:
    """Cohere's 1/16, divided by m = 4."""
    at_base, wide = (plan_for(hf_recipe("cohere"), Size(w, 2, 4, 5)) for w in (64, 256))
    assert at_base.forward["logit_scale"] == pytest.approx(0.0625)
    assert wide.forward["logit_scale"] == pytest.approx(0.0625 / 4)


def test_branches_end_where_they_are_added() -> None:
    ends = family_for(hf_recipe("mixtral"), True).ends
    assert ends == {
        f"model.layers.{i}.{t}"
        for i in (0, 1)
        for t in ("self_attn.o_proj.weight", "mlp.experts.down_proj")
    }


def test_depth_of_a_model_without_a_knob_is_folded() -> None:
    plan = plan_for(hf_recipe("llama", "parameterization: completep\n"), Size(64, 8, 4, 5))
    base = plan_for(hf_recipe("llama", "parameterization: completep\n"), Size(64, 2, 4, 5))
    out, up = "model.layers.7.mlp.down_proj.weight", "model.layers.7.mlp.up_proj.weight"
    one = base.tensor(out.replace("7", "1"))
    # m_L = 4, alpha 1: std · 1/4, rate · m_L^(alpha-1) · 1/4; ε · 1/4 · 4
    assert plan.tensor(out).init_std == pytest.approx((one.init_std or 0) / 4)
    assert plan.tensor(out).lr == pytest.approx(one.lr / 4)
    assert plan.tensor(out).eps == pytest.approx(one.eps)
    assert plan.tensor(up).lr == pytest.approx(one.lr)
    # Granite has a knob, which takes the multiplier instead
    granite = plan_for(hf_recipe("granite", "parameterization: completep\n"), Size(64, 8, 4, 5))
    assert granite.forward["residual_scale"] == pytest.approx(0.25)
    assert granite.sites["residual_scale"].attribute == "residual_multiplier"
