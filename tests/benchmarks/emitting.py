"""Every format for a target of 70 billion parameters, against the imports that it needs.

python -m tests.benchmarks.emitting [rounds]    interleaved; medians, and the highest peak memory
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from math import prod
from pathlib import Path

from mutransfer_cli.catalog.stacks import STACKS
from tests.benchmarks.given_words import given_words
from tests.benchmarks.startup import PYTHON, timed

# Llama 70B with small heads, as the proxies have; GPT-2's shape for what is no Llama.
LLAMA = {
    "model_type": "llama", "hidden_size": 8192, "intermediate_size": 28672,
    "num_hidden_layers": 80, "num_attention_heads": 512, "num_key_value_heads": 64,
    "head_dim": 16, "vocab_size": 32000, "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
}  # fmt: skip
RECIPE = """name: big
model: {model}
optimizer: {{name: adamw, lr: 0.01, weight_decay: 0.1}}
data: {{source: stdlib, seq_len: 16}}
base: {{width: 128, depth: 2, batch: 4, steps: 10}}
target: {{width: 8192, depth: {depth}}}
"""
NEEDS_GPT = ("nanogpt-mup", "nanogpt-completep", "bsh")


def main() -> None:
    given = given_words(__doc__)
    rounds = int(given[0]) if given else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "llama.json").write_text(json.dumps(LLAMA))
        models = {
            "llama": (f"{{build: 'hf:{folder / 'llama.json'}'}}", 80),
            "gpt": ("{build: gpt, args: {vocab_size: 256, head_dim: 16}}", 87),
        }
        for kind, (model, depth) in models.items():
            (folder / f"{kind}.yaml").write_text(RECIPE.format(model=model, depth=depth))
        imports = {
            "gpt": [*PYTHON, "import torch"],
            "llama": [*PYTHON, "import torch, transformers; transformers.LlamaForCausalLM"],
        }
        commands = {}
        for format in STACKS.names:
            kinds = ("gpt",) if format in NEEDS_GPT else ("llama",)
            kinds = ("gpt", "llama") if format in ("json", "torch", "megatron") else kinds
            for kind in kinds:
                out = folder / f"{format}-{kind}"
                commands[format, kind] = [
                    sys.executable, "-m", "mutransfer_cli", "scale", str(folder / f"{kind}.yaml"),
                    "--format", format, "-o", str(out),
                ]  # fmt: skip
        found: dict[tuple[str, str], list[tuple[float, float]]] = {key: [] for key in commands}
        needed: dict[str, list[float]] = {kind: [] for kind in imports}
        for _ in range(rounds):
            for kind, command in imports.items():
                needed[kind].append(timed(command)[0])
            for key, command in commands.items():
                found[key].append(timed(command))
        for kind, seconds in needed.items():
            tensors = json.loads((folder / f"json-{kind}").read_text())["tensors"]
            size = sum(prod(t["shape"]) for t in tensors)
            print(
                f"{kind}: {size / 1e9:.1f} B parameters, imports {statistics.median(seconds):.2f} s"
            )
        print("format             model  seconds  of imports  peak MB")
        for (format, kind), values in found.items():
            seconds, memory = statistics.median(t for t, _ in values), max(m for _, m in values)
            ratio = seconds / statistics.median(needed[kind])
            print(f"{format:18} {kind:6} {seconds:7.2f} {ratio:11.2f} {memory:8.0f}")


if __name__ == "__main__":
    main()
