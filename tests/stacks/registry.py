"""The stacks that files are tried in: how each is installed, and the adapters of its formats."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class StackRow:
    """One stack.

    Attributes:
        name: Name on the command line, and of its environment in `.stacks/`.
        formats: The formats that it takes, with the dotted path of each adapter.
        requirements: What pip installs without dependencies into the stack's own environment, on
            top of the packages of the one that runs the command; empty: nothing is installed.
        distribution: The distribution whose version is shown; empty: the checkout's.
        checkout: Whether the stack has no package and needs MUTRANSFER_STACK_<NAME>=PATH.
        python: The version of Python that pip has to pretend to install for, where the package asks
            for another one than it needs.
        folder: Its environment in `.stacks/`, if that is not named as the stack.
    """

    name: str
    formats: dict[str, str]
    requirements: tuple[str, ...] = ()
    distribution: str = ""
    checkout: bool = False
    python: str = ""
    folder: str = ""

    @property
    def variable(self) -> str:
        """The environment variable that names a checkout."""
        return "MUTRANSFER_STACK_" + self.name.upper().replace("-", "_")

    def at(self, release: str) -> StackRow:
        """The same stack at another release, in an environment of its own.

        Args:
            release: The version, and further requirements after spaces: `4.57.6 tokenizers==0.22`.

        Raises:
            SystemExit: The stack has no package.
        """
        if not self.distribution:
            raise SystemExit(f"--release {self.name}: it has no package")
        version, *others = release.split()
        named = {re.split("[=<>]", r)[0] for r in (f"{self.distribution}==", *others)}
        kept = [r for r in self.requirements if re.split("[=<>]", r)[0] not in named]
        requirements = (f"{self.distribution}=={version}", *others, *kept)
        return replace(self, requirements=requirements, folder=f"{self.name}-{version}")


ADAPTERS = "tests.stacks.adapters."
STACK_ROWS = (
    StackRow(
        "torch",
        {"json": ADAPTERS + "torch_file:build_json", "torch": ADAPTERS + "torch_file:build_torch"},
        distribution="torch",
    ),
    StackRow(
        "transformers",
        {
            "hf": ADAPTERS + "transformers_trainer:build_hf",
            "hf-granite": ADAPTERS + "transformers_trainer:build_granite",
        },
        distribution="transformers",
    ),
    StackRow("lightning", {"lightning": ADAPTERS + "lightning_trainer:build"}, (), "lightning"),
    StackRow(
        "optax",
        {"optax": ADAPTERS + "optax_file:build"},
        ("optax==0.2.8", "jax==0.10.2", "jaxlib==0.10.2", "ml_dtypes", "opt_einsum", "absl-py"),
        "optax",
    ),
    StackRow("mup", {"bsh": ADAPTERS + "mup_package:build"}, (), "mup"),
    StackRow(
        "torchtitan",
        {"torchtitan": ADAPTERS + "torchtitan_llama3:build"},
        (
            "torchtitan==0.3.0", "torchdata", "torch_checkpointing", "datasets==4.7.0", "tyro",
            "spmd_types==0.2.3", "pyarrow", "dill", "multiprocess", "xxhash", "tensorboard",
            "triton", "absl-py", "httpx", "httpcore", "werkzeug", "typeguard",
        ),
        "torchtitan",
    ),
    StackRow(
        "automodel",
        {"automodel": ADAPTERS + "automodel_recipe:build"},
        (
            "nemo-automodel==0.7.0", "torchdata", "torchao", "datasets==4.7.0", "pyarrow", "dill",
            "multiprocess", "xxhash", "httpx", "httpcore",
        ),
        "nemo-automodel",
    ),
    StackRow(
        "megatron",
        {"megatron": ADAPTERS + "megatron_gpt:build"},
        ("megatron-core==0.19.0", "emerging-optimizers==0.3.0", "einops", "absl-py"),
        "megatron-core",
        python="3.12",
    ),
    StackRow(
        "nanogpt-mup",
        {"nanogpt-mup": ADAPTERS + "nanogpt_script:build"},
        checkout=True,
    ),
    StackRow(
        "nanogpt-completep",
        {"nanogpt-completep": ADAPTERS + "nanogpt_script:build"},
        checkout=True,
    ),
    StackRow("cerebras", {"cerebras": ADAPTERS + "cerebras_model:build"}, checkout=True),
    StackRow("lm-engine", {"lm-engine": ADAPTERS + "lm_engine_model:build"}, checkout=True),
)  # fmt: skip


def rows(names: list[str] | None = None) -> list[StackRow]:
    """The rows of these stacks or formats, in order; None: all.

    Raises:
        SystemExit: There is no such stack.
    """
    if names is None:
        return list(STACK_ROWS)
    known = {name for row in STACK_ROWS for name in (row.name, *row.formats)}
    for name in names:
        if name not in known:
            raise SystemExit(f"{name}: no such stack; there are {', '.join(sorted(known))}")
    return [row for row in STACK_ROWS if {row.name, *row.formats} & set(names)]
