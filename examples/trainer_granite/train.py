"""Hugging Face's Trainer on a Granite model, from the files of `--format hf-granite`.

    mutransfer scale recipe.yaml --width 64 --format hf-granite -o granite_64     # and 128, 256
    python train.py --width 128
    mutransfer check train:build

The folder holds config.json, which any code that loads Granite understands, and
mutransfer_granite.py with the parameter groups and the arguments of Trainer.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, TrainingArguments

LENGTH, BATCH = 32, 8
TEXT = torch.frombuffer(bytearray(Path(argparse.__file__).read_bytes()), dtype=torch.uint8).long()


def prepared(width: int, seed: int = 0):
    """The model from the emitted config.json, and the emitted Python file."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(f"granite_{width}"))
    return model, importlib.import_module(f"granite_{width}.mutransfer_granite")


def build(width: int, seed: int):
    """What `mutransfer check train:build` measures."""
    from mutransfer_cli import Subject

    def batch(seed: int) -> Tensor:
        starts = torch.randint(len(TEXT) - LENGTH, (BATCH,), generator=torch.manual_seed(seed))
        return torch.stack([TEXT[s : s + LENGTH] for s in starts])

    def loss(model: nn.Module, tokens: Tensor) -> Tensor:
        return model(input_ids=tokens, labels=tokens).loss

    model, emitted = prepared(width, seed)
    return Subject(model, emitted.create_optimizer(model), loss, batch)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--steps", type=int)  # default: the planned number
    args = parser.parse_args()
    model, emitted = prepared(args.width)
    rows = TEXT[: len(TEXT) // LENGTH * LENGTH].view(-1, LENGTH)
    # The groups hold rates, decays and epsilon; these arguments: steps, batch, schedule, clipping.
    planned = emitted.TRAINING_ARGUMENTS | ({"max_steps": args.steps} if args.steps else {})
    trainer = emitted.mutransfer_trainer()(
        model=model,
        args=TrainingArguments("out", report_to=[], save_strategy="no", use_cpu=True, **planned),
        train_dataset=[{"input_ids": row, "labels": row} for row in rows],
    )
    result = trainer.train()
    print(f"step {trainer.state.global_step} mean loss {result.training_loss:.4f}")


if __name__ == "__main__":
    main()
