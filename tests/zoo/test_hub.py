"""What is a name of the Hub's, and what of it lies in the cache."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.utils import validate_repo_id
from users import unprivileged

from kwsd.cards.hub import HubId, forget, hub_id, pulled, pulled_ids
from kwsd.errors import ModelError
from kwsd.zoo import missing_id
from kwsd.zoo.pulling import pull

TINY = HubId("someone/tiny")
V1 = HubId("someone/tiny", "v1")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a/b", HubId("a/b")),
        ("a/b.c-d_e@refs/pr/2", HubId("a/b.c-d_e", "refs/pr/2")),
        ("hubert-commands", None),
        ("/a/b", None),
        ("./a/b", None),
        ("a/b/c", None),
        ("../b", None),
        ("a/..", None),
        ("a/b@../../c", None),
        ("~/a", None),
        ("modelle/grün", None),
        ("runs/mine.git", None),
        ("a/b--c", None),
        ("a--b/c", None),
        ("a/b.", None),
        ("a/b-", None),
        ("a/b--", None),
        ("a./b", None),
        ("a/b@grün", None),
        ("a/_b_@v--1", HubId("a/_b_", "v--1")),
        ("a/" + 96 * "b", HubId("a/" + 96 * "b")),
        ("a/" + 97 * "b", None),
    ],
)
def test_what_may_be_an_id(text: str, found: HubId | None) -> None:
    assert hub_id(text) == found
    assert found is None or str(found) == text


def test_every_id_is_one_for_the_library_too() -> None:
    """It raises an error of its own for what it takes for none."""
    letters = ["a", "_", "-", ".", "/", "ü", "1", ".git", "--"]
    for text in map("".join, itertools.product(letters, repeat=5)):
        if hub_id(text):
            validate_repo_id(text)


def test_a_folder_of_the_cache_that_is_no_models_is_passed_over(hub: Any, tmp_path: Path) -> None:  # noqa: ARG001  # it serves
    folder = pull(TINY).parents[1]
    for odd in ("models--a--b-", "models--a--b--c", "models--ü--b"):
        (tmp_path / "hub" / odd).symlink_to(folder)
    assert list(pulled_ids()) == [TINY]


def test_a_revision_whose_files_are_gone_is_not_listed(hub: Any) -> None:  # noqa: ARG001  # it serves
    repo = pull(TINY).parents[1]
    (repo / "refs" / "v1").write_text("ab" * 20)
    assert list(pulled_ids()) == [TINY]


LISTED = "from kwsd.cards.hub import pulled_ids; print(*pulled_ids())"


@pytest.mark.parametrize("part", [".", "refs", "snapshots"])
@pytest.mark.parametrize("mode", [0, 0o444])
def test_what_is_closed_to_us_hides_nothing_else(tmp_path: Path, part: str, mode: int) -> None:
    for name in ("closed", "tiny"):
        place = tmp_path / f"models--someone--{name}"
        (place / "snapshots" / COMMIT).mkdir(parents=True)
        (place / "refs").mkdir()
        (place / "refs" / "main").write_text(COMMIT)
    closed = tmp_path / "models--someone--closed" / part
    closed.chmod(mode)
    env = os.environ | {"HF_HUB_CACHE": str(tmp_path)}
    command = [*unprivileged(), sys.executable, "-c", LISTED]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    closed.chmod(0o700)
    assert done.stdout.split()[-1:] == ["someone/tiny"], done.stderr


def test_a_revision_stays_what_it_was(hub: Any) -> None:
    folder = pull(V1)
    assert pulled(V1) == pulled(HubId(TINY.repo, hub.commit)) == folder
    assert pulled(TINY) is None
    assert list(pulled_ids()) == [V1]


def test_a_pulled_model_is_forgotten(hub: Any) -> None:
    repo = pull(TINY).parents[1]
    pull(V1)
    size = sum(path.stat().st_size for path in repo.rglob("*") if path.is_file() and not path.is_symlink())
    assert forget(TINY) == size >= len(hub.weights)  # links to files take nothing
    assert list(pulled_ids()) == []
    with pytest.raises(ModelError, match="is not a pulled model"):
        forget(TINY)


def test_of_a_pulled_model_one_revision_is_forgotten_where_it_is_named(hub: Any) -> None:
    pull(TINY)
    hub.commit = "ab" * 20
    pull(V1)
    named = hub_id("someone/tiny@main")
    assert named == TINY
    assert named is not None
    forget(named)
    assert list(pulled_ids()) == [V1]
    with pytest.raises(ModelError, match="is not a pulled model"):
        forget(named)


@pytest.mark.parametrize(("damage", "freed"), [("branch", 5), ("link", 5 + 2)])
def test_one_revision_is_forgotten_beside_an_incomplete_one(hub: Any, damage: str, freed: int) -> None:
    hub.files["config.json"] = b"{   }"
    folder = pull(TINY)
    hub.commit, hub.files["config.json"] = "ab" * 20, b'{"a": "change"}'
    other = pull(V1)
    repo = folder.parents[1]
    if damage == "branch":  # as of a program that was interrupted before the first file
        (repo / "refs" / "next").write_text("cd" * 20)
    else:
        (other / "preprocessor_config.json").unlink()
        (other / "preprocessor_config.json").symlink_to("../../blobs/gone")
    named = hub_id("someone/tiny@main")
    assert named is not None
    assert forget(named) == freed  # the other revision has all else
    assert list(pulled_ids()) == [V1]
    assert (other / "config.json").read_bytes() == b'{"a": "change"}'
    assert (other / "model.safetensors").read_bytes() == hub.weights
    assert not folder.exists()


def test_what_another_program_fetched_in_part_is_missing(hub: Any) -> None:  # noqa: ARG001  # it serves
    folder = pull(TINY)
    assert missing_id(TINY.repo) is None
    weights = (folder / "model.safetensors").readlink()
    (folder / "model.safetensors").unlink()
    assert missing_id(TINY.repo) == TINY
    (folder / "model.safetensors").symlink_to(weights)
    (folder / "preprocessor_config.json").unlink()
    assert missing_id(TINY.repo) == TINY


def test_so_is_a_model_of_which_a_shard_has_not_come(hub: Any) -> None:
    del hub.files["model.safetensors"]
    shards = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    hub.files |= dict.fromkeys(shards, b"?")
    index = {"weight_map": {shard: shard for shard in shards}}
    hub.files["model.safetensors.index.json"] = json.dumps(index).encode()
    folder = pull(TINY)
    assert missing_id(TINY.repo) is None
    (folder / shards[1]).unlink()
    assert missing_id(TINY.repo) == TINY


def test_so_is_a_zero_shot_model_without_its_tokenizer(hub: Any) -> None:
    hub.files |= {"config.json": b'{"model_type": "clap"}', "tokenizer.json": b"{}"}
    folder = pull(TINY)
    assert missing_id(TINY.repo) is None
    (folder / "tokenizer.json").unlink()
    assert missing_id(TINY.repo) == TINY


def test_the_environment_says_where_and_whether(hub: Any, tmp_path: Path) -> None:
    """HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE, as a process of its own meets them."""
    code = "import sys; from kwsd.cli import main; sys.exit(main(['models', 'pull', 'someone/tiny']))"
    env = {key: value for key, value in os.environ.items() if not key.startswith("HF_")} | {"NO_PROXY": "127.0.0.1"}
    env |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", code]
    off = subprocess.run(command, env=env | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True)
    assert (off.returncode, off.stdout) == (69, "")
    assert "HF_HUB_OFFLINE" in off.stderr
    on = subprocess.run(command, env=env, capture_output=True, text=True)
    assert on.returncode == 78  # it came, but is no model: its config.json is empty
    found = list((tmp_path / "home" / "hub").rglob("snapshots/*/model.safetensors"))
    assert [path.read_bytes() for path in found] == [hub.weights]
