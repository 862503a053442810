"""Models of the Hub: `kwsd models` fetches and removes them, and other commands fetch what they need."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

SPOKEN = Path(__file__).parents[2] / "recordings" / "sentence.flac"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the Hub."""
    folder = tmp_path / "hub"
    folder.mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    return folder


def test_several_are_removed_at_once(kwsd: Command, cache: Path) -> None:
    for name in ("a", "b"):
        (cache / f"models--someone--{name}" / "blobs").mkdir(parents=True)
        (cache / f"models--someone--{name}" / "blobs" / "1").write_bytes(bytes(2_340_000))
    gone = kwsd("models", "remove", "someone/a", "someone/b")
    assert gone.out.splitlines() == ["removed someone/a, 2.3 MB", "removed someone/b, 2.3 MB"]
    assert not list(cache.iterdir())


def test_the_list_and_removal(kwsd: Command, cache: Path, foreign: Callable[[str], Path]) -> None:
    commit = "f" * 40
    repo = cache / "models--someone--tiny"
    shutil.copytree(foreign("hubert"), repo / "snapshots" / commit)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    shutil.copytree(repo, cache / "models--someone--text")
    (cache / "models--someone--text" / "snapshots" / commit / "config.json").write_text('{"model_type": "bert"}')
    for listed in (kwsd("models"), kwsd("models", "list")):
        names = [line.split()[0] for line in listed.out.splitlines() if line.strip()]
        assert {"hubert-commands", "someone/tiny"} <= set(names)
        assert "someone/text" not in names
    names = [entry["name"] for entry in json.loads(kwsd("models", "list", "--format", "json").out)]
    assert names == ["hubert-commands", "moonshine-commands", "whisper-commands", "someone/tiny"]
    assert kwsd("models", "info", "someone/tiny").status == 0
    gone = kwsd("models", "remove", "someone/tiny")
    assert (gone.status, gone.out.split(",")[0]) == (0, "removed someone/tiny")
    assert not repo.exists()
    assert kwsd("models", "remove", "someone/tiny").status == 78
    assert kwsd("models", "remove", "hubert-commands").status == 78


def test_a_pull_ends_with_what_it_fetched(
    kwsd: Command, cache: Path, foreign: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "f" * 40
    repo = cache / "models--someone--tiny"

    def arrives(name: str) -> None:
        assert name == "someone/tiny"
        shutil.copytree(foreign("hubert"), repo / "snapshots" / commit)
        (repo / "refs").mkdir()
        (repo / "refs" / "main").write_text(commit)

    monkeypatch.setattr("kwsd.cli.commands.models.pull_shown", arrives)
    done = kwsd("models", "pull", "someone/tiny")
    folder = repo / "snapshots" / commit
    size = (folder / "model.safetensors").stat().st_size / 1e6
    told = f"someone/tiny  5 labels, {size:.1f} MB, licence unknown, {folder}\n"
    assert (done.status, done.out) == (0, told)


def test_an_id_that_is_none(kwsd: Command, cache: Path) -> None:
    ran = kwsd("models", "pull", "hubert")
    assert (ran.status, ran.out) == (78, "")
    assert "OWNER/NAME" in ran.err
    assert not list(cache.iterdir())


def test_a_model_that_came_with_kwsd_is_not_fetched(kwsd: Command, cache: Path) -> None:
    ran = kwsd("models", "pull", "hubert-commands")
    assert (ran.status, ran.out) == (78, "")
    assert "comes with kwsd, so there is nothing to fetch; use it: kwsd listen --model hubert-commands" in ran.err
    assert not list(cache.iterdir())


@pytest.mark.parametrize("command", [("listen", SPOKEN), ("classify", SPOKEN), ("eval", "clips", SPOKEN.parent)])
def test_a_model_of_the_hub_is_fetched_when_it_is_wanted(
    kwsd: Command, cache: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[Any, ...]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    ran = kwsd(*command, "--model", "someone/tiny")
    assert (ran.status, ran.out) == (69, "")
    assert "HF_HUB_OFFLINE" in ran.err
    assert not [path for path in cache.rglob("*") if path.is_file()]


@pytest.mark.usefixtures("cache")
def test_where_it_cannot_be_fetched_the_missing_folder_is_named(kwsd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its path may have been mistyped."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    ran = kwsd("listen", SPOKEN, "--model", "runs/mine", "--log-level", "warning")
    told = "there is no folder runs/mine, and runs/mine cannot be fetched, because HF_HUB_OFFLINE is set: unset it"
    assert (ran.status, ran.err.count("\n")) == (69, 1)
    assert told in ran.err


@pytest.mark.usefixtures("cache")
def test_that_it_is_fetched_is_a_line_of_the_log(kwsd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    ran = kwsd("listen", SPOKEN, "--model", "someone/tiny", "--log-format", "json")
    told, error = map(json.loads, ran.err.splitlines())
    assert (told["level"], error["level"]) == ("info", "error")
    assert told["message"].startswith("there is no folder someone/tiny: fetching")


@pytest.mark.parametrize("name", ["modelle/grün", "a/b--"])
def test_a_path_that_is_mistyped_is_no_fault_of_kwsd(kwsd: Command, cache: Path, clips: Path, name: str) -> None:
    (cache / "models--a--b-" / "snapshots" / ("f" * 40)).mkdir(parents=True)
    for command in (
        ("listen", SPOKEN, "--model", name), ("classify", SPOKEN, "--model", name), ("models", "info", name),
        ("eval", "clips", SPOKEN.parent, "--model", name), ("export", name), ("export", name, "--out", cache),
        ("train", "--backbone", name, "--data", clips),
    ):  # fmt: skip
        ran = kwsd(*command)
        assert (ran.status, ran.out) == (78, ""), command
        assert f"there is no model or folder {name!r}" in ran.err
        assert ran.err.count("error:") == 1
    ran = kwsd("doctor", "--model", name)
    assert ran.status != 70
    assert f"there is no model or folder {name!r}" in " ".join(ran.out.split())
    assert kwsd("models").status == 0
