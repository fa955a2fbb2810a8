"""The package is imported, whatever torchvision is like."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_broken_torchvision_is_survived(tmp_path: Path) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text("raise RuntimeError('broken')\n")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.helpers.hf_recipes import hf_recipe\n"
        "from mutransfer_cli.models.family_cache import family_for\n"
        "print(len(family_for(hf_recipe('vit')).tensors))\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
