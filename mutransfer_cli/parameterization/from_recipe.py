"""Converts a recipe to what a plan is computed from."""

from __future__ import annotations

from mutransfer_cli.parameterization.plan_config import Init, Optimizer, PlanConfig
from mutransfer_cli.recipe.schema.recipe import Recipe


def plan_config_of(recipe: Recipe) -> PlanConfig:
    """The hyperparameters and rules of a recipe, as the theory takes them."""
    optimizer, init = recipe.optimizer, recipe.init
    multipliers, rules = recipe.multipliers, recipe.rules
    return PlanConfig(
        parameterization=recipe.parameterization,
        optimizer=Optimizer(
            optimizer.full_name,
            optimizer.lr,
            (optimizer.betas[0], optimizer.betas[1]),
            optimizer.eps,
            optimizer.weight_decay,
            optimizer.momentum,
            optimizer.nesterov,
            optimizer.adamw_lr,
            optimizer.adjust_lr,
            optimizer.adjust_lr_factor,
            optimizer.trains or (),
        ),
        readout=rules.readout,
        weight_decay=rules.weight_decay,
        embedding=rules.embedding,
        embedding_exponent=rules.embedding_exponent,
        decay=rules.decay if isinstance(rules.decay, str) else tuple(rules.decay),
        epsilon=rules.epsilon,
        alignment=rules.alignment,
        depth_alpha=rules.depth_alpha,
        depth=rules.depth,
        experts=rules.experts,
        rank=rules.rank,
        horizon=rules.horizon,
        beta1=rules.beta1,
        init=Init(
            init.from_,
            init.std,
            init.embedding_std,
            init.readout_std,
            init.residual == "gpt2",
            tuple(init.zero),
        ),
        lr_factors=dict(recipe.lr_factors),
        embedding_multiplier=multipliers.embedding,
        logit_multiplier=multipliers.logit,
        attention_multiplier=multipliers.attention,
        residual_multiplier=multipliers.residual,
        clip=recipe.clip,
        roles=tuple((r.match, r.role) for r in recipe.roles),
    )
