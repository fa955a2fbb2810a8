"""Planning Hugging Face models at about 100 billion parameters against the imports it needs.

python -m tests.benchmarks.planning [rounds]    interleaved; medians, and the highest peak memory
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from math import prod
from pathlib import Path

from tests.benchmarks.given_words import given_words
from tests.benchmarks.startup import PYTHON, interleaved

# type: arguments of the proxies, base width, target width and depth, encoder-decoders counted once
MODELS = {
    "llama": ("{head_dim: 16}", 64, 10752, 64),
    "gpt2": ("{head_dim: 16}", 64, 12288, 54),
    "qwen3": ("{head_dim: 16}", 64, 10240, 64),
    "mixtral": ("{head_dim: 16}", 64, 4096, 72),
    "mamba": ("{}", 64, 16384, 60),
    "vit": ("{head_dim: 16, image_size: 8, patch_size: 2, num_channels: 1}", 64, 12288, 54),
    "t5": ("{d_kv: 16}", 64, 16384, 24),
}
IMPORTS = "import torch, transformers"  # which imports its models lazily
CLASS = IMPORTS + "\nfrom transformers import LlamaForCausalLM"
RECIPE = """name: {kind}
model: {{build: 'hf:{kind}', args: {args}}}
parameterization: completep
optimizer: {{name: adamw, lr: 0.01, weight_decay: 0.1}}
data: {data}
base: {{width: {base}, depth: 2, batch: 4, steps: 10}}
target: {{width: {width}, depth: {depth}}}
"""


def main() -> None:
    given = given_words(__doc__)
    rounds = int(given[0]) if given else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = {"imports": [*PYTHON, IMPORTS], "+ class": [*PYTHON, CLASS]}
        for kind, (args, base, width, depth) in MODELS.items():
            data = "{source: digits}" if kind == "vit" else "{source: stdlib, seq_len: 16}"
            text = RECIPE.format(
                kind=kind, args=args, base=base, width=width, depth=depth, data=data
            )
            (folder / f"{kind}.yaml").write_text(text)
            commands[kind] = [
                sys.executable, "-m", "mutransfer_cli", "scale", str(folder / f"{kind}.yaml"),
                "--format", "json", "-o", str(folder / f"{kind}.json"),
            ]  # fmt: skip
        found = interleaved(commands, rounds)
        imports = statistics.median(t for t, _ in found["imports"])
        whole = statistics.median(t for t, _ in found["+ class"])
        print("model     parameters  tensors  seconds  of imports  with a class's  peak MB")
        for kind, values in found.items():
            seconds, memory = statistics.median(t for t, _ in values), max(m for _, m in values)
            size = tensors = 0
            if kind in MODELS:
                lines = json.loads((folder / f"{kind}.json").read_text())["tensors"]
                size, tensors = sum(prod(t["shape"]) for t in lines), len(lines)
            print(f"{kind:9} {size / 1e9:8.1f} B {tensors:8}", end=" ")
            print(f"{seconds:8.2f} {seconds / imports:11.2f} {seconds / whole:15.2f} {memory:8.0f}")


if __name__ == "__main__":
    main()
