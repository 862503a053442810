"""A run's folder holds one recipe, and whole."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from kwsd.cli.run_folder import run_folder
from kwsd.errors import DeviceError, InputError


def test_a_full_disk_leaves_the_recipe_as_it_was(tmp_path: Path) -> None:
    """Else the run could not be gone on with once there is room."""
    folder = run_folder(tmp_path, "mine", {"seed": 1}, fresh=False)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, before[1]))
    try:
        with pytest.raises(DeviceError, match=r"mine: cannot be written .* make room"):
            run_folder(tmp_path, "mine", {"seed": 1}, fresh=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert json.loads((folder / "recipe.json").read_text()) == {"seed": 1}


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_recipe_that_is_none(tmp_path: Path, text: str) -> None:
    folder = run_folder(tmp_path, "mine", {"seed": 1}, fresh=False)
    (folder / "checkpoint.pt").touch()
    (folder / "recipe.json").write_text(text)
    with pytest.raises(InputError, match=r"recipe\.json: is no run's recipe; take --fresh"):
        run_folder(tmp_path, "mine", {"seed": 1}, fresh=False)
    run_folder(tmp_path, "mine", {"seed": 1}, fresh=True)
    assert (folder / "recipe.json.old").read_text() == text
