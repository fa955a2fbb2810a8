"""The names that public models give to their sizes, and what defaults look like such sizes."""

from __future__ import annotations

import re

SURE = re.compile(
    r"width|dim|d_model|dim_model|model_dim|n_embd|n_embed|hidden|hidden_size|hidden_dim"
    r"|embed_dim|embedding_dim|hidden_channels|base_channels|latent_dim"
    r"|emb_dim|emb_size|embed_size|embedding_size|emsize|ninp|nhid|n_hidden|num_hiddens|n_state"
    r"|d_hid|d_hidden|d_block|hid_dim|units|n_units|num_units|rnn_size|base_ch|base_filters"
)
LIKELY = re.compile(
    r"(?!(?:in|out|input|output|image|img|patch|head|num|n)_)"
    r"(?:(?:\w+_)?(?:width|dim|hidden|channels|features|hidden_size)|d_ff|d_inner|dim_feedforward)"
)
VOCABULARY = re.compile(
    r"(?:\w+_)?(?:vocab|vocab_size|vocabulary|ntoken|symbols|chars)"
    r"|(?!\w*(?:memory|mem|register|pooled|latent|prefix|prompt|special|extra)_)(?:\w+_)?tokens?"
)
CONTEXT = re.compile(
    r"(?:(?:max|n|num)_?)?(?:(?:seq|sequence|ctx|context)(?:_?(?:len|length|size|window))?"
    r"|len|length|positions|position_embeddings|block_size)"
)
DEPTH = re.compile(r"(?:(?:n|num)_(?:\w+_)?|n)?(?:layers?|blocks)")
CAUSAL = re.compile(r"(?:is_)?causal")
HEADS = re.compile(r"(?:(?:n|n_|num_)(?:attention_|attn_|kv_|key_value_)?heads?|(?:kv_)?heads)")
HEAD_SIZE = re.compile(r"(?:attention_|attn_)?(?:dim_head|head_dim|d_head|head_size|head_width)")
IMAGE = re.compile(r"(?:image|img)_size")
IMAGE_CHANNELS = re.compile(r"channels|in_chans|in_channels|img_channels|image_channels")
PATCH = re.compile(r"(?:(?:image|img)_)?patch_size")
CLASSES = re.compile(r"(?:num_|n_)?(?:classes|labels)")
_SIZE = r"(?:dim|size|features)"
INPUTS = re.compile(rf"(?:in|input)_{_SIZE}|(?:d|dim)_in|(?:n|num)_(?:in|inputs|features)")
OUTPUTS = re.compile(rf"(?:out|output)_{_SIZE}|(?:d|dim)_out|(?:n|num)_(?:out|outputs)")
DROPOUT = re.compile(r"(?:\w+_)?(?:dropout|drop_?rate|drop_?prob|p_drop|pdrop)\d*(?:_rate|_prob)?")
WIDTHS = re.compile(r"dims|widths|channels|(?:\w+_)?(?:channels|dims|sizes|filters|features)")
SMALLEST_WIDTH = 8


def is_count(default: object) -> bool:
    """Whether a default may be a number of heads, of layers, or a head's size."""
    return isinstance(default, int) and not isinstance(default, bool) and default > 0


def is_width(default: object) -> bool:
    """Whether a default may be a number of features."""
    return is_count(default) and isinstance(default, int) and default >= SMALLEST_WIDTH
