"""A model of somebody else that a test may spoil."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def copy(foreign: Callable[[str], Path], tmp_path: Path) -> Path:
    """A HuBERT classifier that a test may spoil."""
    return Path(shutil.copytree(foreign("hubert"), tmp_path / "mine"))
