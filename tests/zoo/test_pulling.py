"""Pulling from a server on loopback that stands in for the Hub: whole, resumed, damaged, without room."""

from __future__ import annotations

import fcntl
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kwsd.cards.hub import HubId, pulled
from kwsd.errors import DeviceError, ModelError
from kwsd.zoo.pulling import pull

TINY = HubId("someone/tiny")


def test_a_pull_fetches_the_model_and_says_how_far_it_is(hub: Any) -> None:
    hub.files |= {"pytorch_model.bin": b"cos\nabort\n(tR.", "code.py": b"raise SystemExit", "README.md": b"# Tiny"}
    told: list[tuple[int, int]] = []
    folder = pull(TINY, lambda done, total: told.append((done, total)))
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "config.json", "model.safetensors", "preprocessor_config.json",
    ]  # fmt: skip
    assert (folder / "model.safetensors").read_bytes() == hub.weights
    assert folder == pulled(TINY)
    assert folder.name == hub.commit
    total = len(hub.weights) + 2 + 2 + 6
    assert {amount for _, amount in told} == {total}
    done = [amount for amount, _ in told]
    assert done == sorted(done)
    assert done[-1] == total
    assert len(set(done)) > 5
    assert {amount % 1000 for amount in done if amount < total} <= {2, 4, 10}  # on top of the files before


def test_what_is_here_already_counts_as_done(hub: Any) -> None:
    folder = pull(TINY)
    (folder / "model.safetensors").resolve().unlink()
    told: list[int] = []
    pull(TINY, lambda done, _: told.append(done))
    assert told[0] == 2 + 2 + 1000
    assert told[-1] == 2 + 2 + len(hub.weights)


def test_a_pull_that_goes_on_needs_room_for_the_rest_alone(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(done: int, _: int) -> None:
        if done > 5000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(TINY, killed)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=len(hub.weights) - 4000))
    assert (pull(TINY) / "model.safetensors").read_bytes() == hub.weights


def test_what_is_here_is_not_fetched_again_and_needs_no_network(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pull(TINY)
    hub.asked.clear()
    assert pull(TINY) == folder
    assert hub.asked == []
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert pulled(TINY) == folder


def test_all_that_a_classifier_is_loaded_from_is_fetched_and_its_licence(hub: Any) -> None:
    others = [
        "processor_config.json", "card.json", "graph.onnx", "README.md", "LICENSE", "LICENSE #2.txt", "tokenizer.json",
        "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "vocab.txt", "merges.txt",
    ]  # fmt: skip
    hub.files |= {name: b"{}" + name.encode() for name in others}
    folder = pull(TINY)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == hub.files


def test_a_token_goes_with_every_request(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it a gated model is listed, but none of its files are given."""
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    pull(TINY)
    assert hub.tokens == {"Bearer hf_mine"}


def test_shards(hub: Any) -> None:
    del hub.files["model.safetensors"]
    hub.files |= {f"model-0000{n}-of-00002.safetensors": b"%d" % n for n in (1, 2)}
    hub.files["model.safetensors.index.json"] = b"{}"
    assert len(list(pull(TINY).iterdir())) == 5


def test_of_the_same_weights_whole_and_in_shards_the_whole_are_fetched(hub: Any) -> None:
    hub.files |= {f"model-0000{n}-of-00002.safetensors": b"%d" % n for n in (1, 2)}
    hub.files["model.safetensors.index.json"] = b"{}"
    names = {path.name for path in pull(TINY).iterdir()}
    assert names == {"config.json", "preprocessor_config.json", "model.safetensors"}


def test_an_adapter_beside_whole_weights_is_no_reason_not_to_fetch_these(hub: Any) -> None:
    hub.files |= {"adapter_config.json": b"{}", "adapter_model.safetensors": b"?"}
    names = {path.name for path in pull(TINY).iterdir()}
    assert names == {"config.json", "preprocessor_config.json", "model.safetensors"}


def test_small_files_come_first_so_that_faults_show_early(hub: Any) -> None:
    hub.files = {"model.safetensors": hub.weights, "README.md": b"# Tiny", **hub.files}
    pull(TINY)
    sizes = [len(hub.files[name]) for name, _ in hub.asked]
    assert sizes == sorted(sizes)
    assert len(sizes) == 4


def test_what_the_card_lists_belongs_to_the_model(hub: Any) -> None:
    listed = ["graph.onnx", "notes.txt", "code.py", "weights.pkl", "not there.json"]
    hub.files |= dict.fromkeys([*listed[:-1], "more.txt"], b"?")
    hub.files["card.json"] = json.dumps({"sha256": dict.fromkeys(listed, "0" * 64)}).encode()
    assert {path.name for path in pull(TINY).iterdir()} == {
        "card.json", "config.json", "graph.onnx", "model.safetensors", "notes.txt", "preprocessor_config.json",
    }  # fmt: skip


@pytest.mark.parametrize("card", [b"{", b"[]", b'{"sha256": 7}'])
def test_a_card_that_is_none_comes_too(hub: Any, card: bytes) -> None:
    hub.files["card.json"] = card
    assert (pull(TINY) / "card.json").read_bytes() == card


def test_a_pull_that_was_killed_goes_on_where_it_stopped(hub: Any) -> None:
    def killed(done: int, _: int) -> None:
        if done > 5000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(TINY, killed)
    assert pulled(TINY) is None  # nothing half is ever seen
    (name, asked) = hub.asked[-1]
    assert (name, asked) == ("model.safetensors", None)
    told: list[int] = []
    folder = pull(TINY, lambda done, _: told.append(done))
    name, asked = hub.asked[-1]
    assert name == "model.safetensors"
    assert asked is not None
    assert int(asked.removeprefix("bytes=").rstrip("-")) >= 5000 - 4
    assert told[0] > 5000
    assert (folder / "model.safetensors").read_bytes() == hub.weights


def test_a_pull_that_was_killed_while_it_verified_does_not_ask_for_the_rest(hub: Any, tmp_path: Path) -> None:
    blobs = tmp_path / "hub" / "models--someone--tiny" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{hashlib.sha256(hub.weights).hexdigest()}.kwsd-part").write_bytes(hub.weights)
    assert (pull(TINY) / "model.safetensors").read_bytes() == hub.weights
    assert "model.safetensors" not in dict(hub.asked)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_checksum_that_is_wrong(hub: Any, name: str) -> None:
    hub.spoilt.add(name)
    with pytest.raises(ModelError, match=f"{name} arrived damaged") as told:
        pull(TINY)
    assert told.value.exit_status == 78
    assert pulled(TINY) is None
    hub.spoilt.clear()
    assert (pull(TINY) / name).read_bytes() == hub.files[name]


def test_a_page_in_the_place_of_a_file_is_no_part_of_it(hub: Any, tmp_path: Path) -> None:
    hub.paged.add("model.safetensors")
    with pytest.raises(ModelError, match=r"model\.safetensors arrived damaged .* and was deleted; pull again"):
        pull(TINY)
    assert not list(tmp_path.rglob("*.kwsd-part"))
    hub.paged.clear()
    assert (pull(TINY) / "model.safetensors").read_bytes() == hub.weights


def test_a_file_that_was_damaged_on_this_machine_is_fetched_again(hub: Any) -> None:
    folder = pull(TINY)
    (folder / "model.safetensors").resolve().write_bytes(b"rot")
    hub.asked.clear()
    assert (pull(TINY) / "model.safetensors").read_bytes() == hub.weights
    assert hub.asked == [("model.safetensors", None)]


def test_a_file_that_was_damaged_on_this_machine_is_gone_though_no_other_comes(hub: Any) -> None:
    """Other programs read the cache too."""
    damaged = pull(TINY) / "model.safetensors"
    damaged.resolve().write_bytes(b"rot")
    hub.spoilt.add("model.safetensors")
    with pytest.raises(ModelError, match="arrived damaged"):
        pull(TINY)
    assert damaged.is_symlink()
    assert not damaged.exists()


def test_a_longer_part_than_the_file_is_begun_anew(hub: Any, tmp_path: Path) -> None:
    blobs = tmp_path / "hub" / "models--someone--tiny" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{hashlib.sha256(hub.weights).hexdigest()}.kwsd-part").write_bytes(hub.weights + b"more")
    assert (pull(TINY) / "model.safetensors").read_bytes() == hub.weights


def test_names_that_lead_out_of_the_folder_are_left_out(hub: Any, tmp_path: Path) -> None:
    hub.files |= {"LICENSE/../../../../evil": b"x", "model-1-of-/../../2.safetensors": b"x"}
    pull(TINY)
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.usefixtures("hub")
def test_two_pulls_at_once(tmp_path: Path) -> None:
    repo = tmp_path / "hub" / "models--someone--tiny"
    repo.mkdir(parents=True)
    with (repo / ".kwsd-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DeviceError, match="another kwsd"):
            pull(TINY)
    assert pull(TINY).is_dir()


def test_a_disk_that_is_too_small_and_one_that_gets_full(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 100})
    with monkeypatch.context() as small:
        small.setattr("shutil.disk_usage", lambda _: usage)
        with pytest.raises(DeviceError, match="does not fit"):
            pull(TINY)

    def full(_done: int, _total: int) -> None:
        if _done > 5000:
            raise OSError(28, "No space left on device")

    with pytest.raises(DeviceError, match=r"it is full.*HF_HOME"):
        pull(TINY, full)
    assert (pull(TINY) / "model.safetensors").read_bytes() == hub.weights
    assert hub.asked[-1][1] is not None  # what had arrived was kept
