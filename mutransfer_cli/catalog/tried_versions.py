"""The versions that the built-in formats were tried with; how is in `docs/formats.md`."""

from __future__ import annotations

from mutransfer_cli.catalog.stack_versions import StackVersions, TriedVersion

WHEN = "November 2026"
TRANSFORMERS_4 = (
    "transformers 4 knows no rope_parameters: write rope_theta into config.json there. Trainer of "
    "4.57 divides the loss by one label per sequence more than it predicts: losses and gradients "
    "are (length - 1) / length of the proxies'. AdamW undoes that; clipping and epsilon do not"
)
_MASTER = (
    TriedVersion("commit b2a5e60 of nanoGPT-mup", "trained", WHEN),
    TriedVersion("commit 40c3904 of its branch for sparsity", "trained", WHEN, "sparsity 0"),
)
_COMPLETEP = (
    TriedVersion("commit 6f8bc3b of nanoGPT-mup, branch completep", "trained", WHEN),
    TriedVersion("commit 3784e18 of the same branch", "trained", WHEN),
    TriedVersion("commit 3904404 of the same branch", "trained", WHEN, "train.py of 3784e18"),
)

TORCH = StackVersions(
    package="torch",
    tried=(TriedVersion("2.13.0", "trained", WHEN),),
    others="torch.optim.Muon came with torch 2.9",
)
LIGHTNING = StackVersions(
    package="lightning",
    tried=tuple(TriedVersion(v, "trained", WHEN) for v in ("2.6.6", "2.5.6", "2.4.0")),
    others="the older package pytorch_lightning is imported where lightning is missing",
)
OPTAX = StackVersions(
    package="optax",
    tried=(
        TriedVersion(
            "0.2.8", "trained", WHEN, "with jax 0.10.2 on a CPU, on gradients of the torch model"
        ),
    ),
)
TRANSFORMERS = StackVersions(
    package="transformers", tried=(TriedVersion("5.24.0", "trained", WHEN),), others=TRANSFORMERS_4
)
NANOGPT = StackVersions(
    tried=(*_MASTER, *_COMPLETEP),
    others="on Karpathy's nanoGPT, which has no muP, and on the other branch the file stops",
)
NANOGPT_COMPLETEP = StackVersions(
    tried=_COMPLETEP,
    others="on Karpathy's nanoGPT, which has no muP, and on master the file stops; commit 3904404 "
    "has an epsilon per group",
)
MEGATRON = StackVersions(
    package="megatron-core",
    tried=(
        TriedVersion(
            "0.19.0",
            "trained",
            WHEN,
            "on CPU: its local layers, torch's AdamW over its groups; Muon by emerging-optimizers "
            "0.3.0",
        ),
        TriedVersion("0.19.2", "trained", WHEN, "in the same way"),
        TriedVersion("0.18.2", "trained", WHEN, "in the same way"),
        TriedVersion("0.17.1", "trained", WHEN, "in the same way, with four of the recipes"),
        TriedVersion(
            "commit d98e8a64d of Megatron-LM",
            "built",
            WHEN,
            "CUDA and Transformer Engine replaced by stand-ins",
        ),
        TriedVersion("commit 067f987df of Megatron-Bridge", "read", WHEN),
    ),
    others="core before 0.17 has no muP",
)
CEREBRAS = StackVersions(
    package="cerebras_modelzoo",
    tried=(
        TriedVersion("2.10.0", "built", WHEN, "config classes alone, cerebras.pytorch replaced"),
    ),
    others="releases before 2.3 have no muP",
)
TORCHTITAN = StackVersions(
    package="torchtitan",
    tried=(
        TriedVersion(
            "0.3.0",
            "trained",
            WHEN,
            "attention by its class for torch's own, in a loop of ours, on a CPU; DistMuon over "
            "one process",
        ),
        TriedVersion("commit b5bcd76c6 of torchtitan", "read", WHEN),
    ),
    others="0.2.2 has no ParamGroupConfig (pull request 2859), and versions after 0.3.0 (commit "
    "058df672) have a Config for each optimizer instead: the file says so and stops; since "
    "2026-08-20 lengths and batches are counted in tokens, which the file does too",
)
LM_ENGINE = StackVersions(
    tried=(
        TriedVersion("commit 36bad91e of lm-engine", "read", WHEN),
        TriedVersion(
            "commit 448bad5 of lm-engine",
            "read",
            WHEN,
            "its argument classes, with param_groups; older ones need the line that the file names",
        ),
    ),
    others="before 2026-09-15 it knows params_group_method and no param_groups, as the file says",
)
AUTOMODEL = StackVersions(
    package="nemo-automodel",
    tried=(
        TriedVersion(
            "0.7.0",
            "trained",
            WHEN,
            "its config, model, loss, optimizer and schedule in a loop of ours, on a CPU",
        ),
        TriedVersion("0.6.0", "trained", WHEN, "in the same way"),
        TriedVersion("commit 36044ad3d of NeMo Automodel", "read", WHEN),
    ),
)
MUP = StackVersions(package="mup", tried=(TriedVersion("1.0.0", "trained", WHEN),))
