"""Format automodel: its config loader, and the typed sections that its recipe builds from."""

from __future__ import annotations

from contextlib import chdir
from typing import Any
from unittest import mock

from torch import Tensor, nn

from tests.stacks.adapters.decoder_names import granite_multipliers, llama_pieces
from tests.stacks.built import BuiltStack, Emitted, GroupNumbers
from tests.stacks.cases import BATCH, STEPS
from tests.stacks.training import loop, next_token_loss


class Batches:
    """What the step scheduler has to know of a data loader: its length."""

    def __len__(self) -> int:
        return STEPS * BATCH


def causal_loss(model: nn.Module, tokens: Tensor) -> Tensor:
    """Automodel's own loss over the number of labels, as its recipe has it."""
    from nemo_automodel.components.loss.masked_ce import MaskedCrossEntropy

    logits = model(input_ids=tokens[:, :-1], use_cache=False).logits
    labels = tokens[:, 1:].contiguous()
    loss = MaskedCrossEntropy()(logits, labels, num_label_tokens=labels.numel())
    expected = next_token_loss(logits.detach(), tokens)
    assert abs(float(loss.detach()) / float(expected) - 1) < 1e-6
    return loss


class Scheduler:
    """Automodel's schedulers, which count the steps that were taken."""

    def __init__(self, schedulers: list[Any]) -> None:
        self.schedulers = schedulers

    def step(self) -> None:
        for scheduler in self.schedulers:
            scheduler.step(1)


def build(emitted: Emitted) -> BuiltStack:
    """Model, optimizer and schedule as the recipe's `setup` builds them, without its CUDA calls."""
    from nemo_automodel.cli.utils import resolve_recipe_name
    from nemo_automodel.components.config._arg_parser import parse_args_and_load_config
    from nemo_automodel.recipes.llm.train_ft import (
        TrainFinetuneRecipeForNextTokenPrediction as Recipe,
    )
    from nemo_automodel.recipes.llm.train_ft import build_model

    with chdir(emitted.folder), mock.patch("torch.cuda.current_device", lambda: "cpu"):
        config = parse_args_and_load_config(emitted.main_file().name, argv=[])
        name = resolve_recipe_name(config.recipe)
        assert name.endswith(Recipe.__name__)
        cfg = Recipe(config).cfg
        model = build_model(cfg.model, None, seed=cfg.get("seed", 42))
    assert cfg.dataset.seq_len == emitted.recipe.data.seq_len
    optimizers = cfg.optimizer.build(model)
    local = cfg.get("step_scheduler.local_batch_size", 1)
    steps = cfg.step_scheduler.build(Batches(), 1, local)
    schedulers = cfg.lr_scheduler.build(optimizers, steps)
    clip = cfg.get("clip_grad_norm.max_norm", None)
    pieces = llama_pieces(emitted, model)
    return BuiltStack(
        model=model, pieces=pieces, optimizers=optimizers,
        train=loop(causal_loss, schedulers=[Scheduler(schedulers)]),
        clip=1.0 if clip is None else None if clip == float("inf") else float(clip),
        numbers=peak_numbers(model, optimizers, schedulers),
        **granite_multipliers(model, pieces),
    )  # fmt: skip


def peak_numbers(model: nn.Module, optimizers: Any, schedulers: Any) -> dict[str, GroupNumbers]:
    """Each group's multiples of the peak; the groups hold the rates of the present step."""
    names = {id(p): n for n, p in model.named_parameters()}
    return {
        names[id(parameter)]: GroupNumbers(
            scheduler.max_lr * group.get("lr_mult", 1.0),
            scheduler.end_wd * group.get("wd_mult", 1.0),
            group["eps"],
        )
        for optimizer, scheduler in zip(optimizers, schedulers, strict=True)
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
