"""Pulling from a server on loopback that stands in for the Hub: whole, resumed, damaged, refused, off line."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from kwsd.errors import DeviceError, KwsdError, ModelError
from kwsd.networks.hub import HubId, forget, hub_id, pulled, pulled_ids
from kwsd.networks.pulling import pull

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = bytes(range(256)) * 40
NAME = "someone/tiny"


@dataclass
class Hub:
    """A server with one model; `asked` is what was fetched of it: a file's name and the Range header."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    spoilt: set[str] = field(default_factory=set)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def listing(self) -> dict[str, Any]:
        siblings = []
        for name, data in self.files.items():
            entry: dict[str, Any] = {"rfilename": name, "size": len(data)}
            git = b"blob %d\0" % len(data) + data
            entry["blobId"] = hashlib.sha1(git, usedforsecurity=False).hexdigest()
            if name.endswith((".safetensors", ".bin")):
                digest = hashlib.sha256(data).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 130}
            siblings.append(entry)
        return {"id": NAME, "modelId": NAME, "sha": COMMIT, "siblings": siblings, "tags": [], "private": False}


class Handler(BaseHTTPRequestHandler):
    """The part of the Hub's interface that a pull uses."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path in (f"/api/models/{NAME}", f"/api/models/{NAME}/revision/main", f"/api/models/{NAME}/revision/v1"):
            self._answer(200, json.dumps(self.hub.listing()).encode(), "application/json")
        elif path.startswith(f"/api/models/{NAME}/revision/"):
            self._answer(404, b"{}", "application/json", {"X-Error-Code": "RevisionNotFound"})
        elif path.startswith("/api/models/busy/"):
            self._answer(500, b"{}", "application/json")
        elif path.startswith("/api/"):
            self._answer(404, b"{}", "application/json", {"X-Error-Code": "RepoNotFound"})
        else:
            self._file(path.removeprefix(f"/{NAME}/resolve/{COMMIT}/"))

    def _file(self, name: str) -> None:
        data, wanted = self.hub.files[name], self.headers.get("Range")
        self.hub.asked.append((name, wanted))
        if name in self.hub.spoilt:
            data = bytes(len(data))
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        more = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if wanted else {}
        self._answer(206 if wanted else 200, data[start:], "application/octet-stream", more)

    def _answer(self, status: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """The Hub as the library sees it, and an empty cache."""
    served = Hub(files={"config.json": b"{}", "preprocessor_config.json": b"{}", "model.safetensors": WEIGHTS})
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": served}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="hub")
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", served.url)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


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
    ],
)
def test_what_may_be_an_id(text: str, found: HubId | None) -> None:
    assert hub_id(text) == found
    assert found is None or str(found) == text


def test_a_pull_fetches_the_model_and_says_how_far_it_is(hub: Hub) -> None:
    hub.files |= {"pytorch_model.bin": b"cos\nabort\n(tR.", "code.py": b"raise SystemExit", "README.md": b"# Tiny"}
    told: list[tuple[int, int]] = []
    folder = pull(HubId(NAME), lambda done, total: told.append((done, total)))
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "config.json", "model.safetensors", "preprocessor_config.json",
    ]  # fmt: skip
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert folder == pulled(HubId(NAME))
    assert folder.name == COMMIT
    total = len(WEIGHTS) + 2 + 2 + 6
    assert {amount for _, amount in told} == {total}
    done = [amount for amount, _ in told]
    assert done == sorted(done)
    assert done[-1] == total
    assert len(set(done)) > 5


def test_what_is_here_is_not_fetched_again_and_needs_no_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pull(HubId(NAME))
    hub.asked.clear()
    assert pull(HubId(NAME)) == folder
    assert hub.asked == []
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert pulled(HubId(NAME)) == folder


@pytest.mark.usefixtures("hub")
def test_a_revision_stays_what_it_was() -> None:
    folder = pull(HubId(NAME, "v1"))
    assert pulled(HubId(NAME, "v1")) == pulled(HubId(NAME, COMMIT)) == folder
    assert pulled(HubId(NAME)) is None
    assert list(pulled_ids()) == [HubId(NAME, "v1")]


def test_a_pull_that_was_killed_goes_on_where_it_stopped(hub: Hub) -> None:
    def killed(done: int, _: int) -> None:
        if done > 5000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(HubId(NAME), killed)
    assert pulled(HubId(NAME)) is None  # nothing half is ever seen
    (name, asked) = hub.asked[-1]
    assert (name, asked) == ("model.safetensors", None)
    told: list[int] = []
    folder = pull(HubId(NAME), lambda done, _: told.append(done))
    name, asked = hub.asked[-1]
    assert name == "model.safetensors"
    assert asked is not None
    assert int(asked.removeprefix("bytes=").rstrip("-")) >= 5000 - 4
    assert told[0] > 5000
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_checksum_that_is_wrong(hub: Hub, name: str) -> None:
    hub.spoilt.add(name)
    with pytest.raises(ModelError, match=f"{name} came damaged") as told:
        pull(HubId(NAME))
    assert told.value.exit_status == 78
    assert pulled(HubId(NAME)) is None
    hub.spoilt.clear()
    assert (pull(HubId(NAME)) / name).read_bytes() == hub.files[name]


def test_a_file_that_was_damaged_on_this_machine_is_fetched_again(hub: Hub) -> None:
    folder = pull(HubId(NAME))
    (folder / "model.safetensors").resolve().write_bytes(b"rot")
    hub.asked.clear()
    assert (pull(HubId(NAME)) / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.asked == [("model.safetensors", None)]


@pytest.mark.usefixtures("hub")
def test_a_longer_part_than_the_file_is_begun_anew(tmp_path: Path) -> None:
    blobs = tmp_path / "hub" / "models--someone--tiny" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{hashlib.sha256(WEIGHTS).hexdigest()}.kwsd-part").write_bytes(WEIGHTS + b"more")
    assert (pull(HubId(NAME)) / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("wanted", "kind", "text"),
    [
        ("someone/else", ModelError, "no model 'someone/else'"),
        (f"{NAME}@v9", ModelError, "no revision 'v9'"),
        ("busy/model", DeviceError, "answered with 500"),
    ],
)
def test_what_the_hub_does_not_give(wanted: str, kind: type[KwsdError], text: str) -> None:
    found = hub_id(wanted)
    assert found
    with pytest.raises(kind, match=text):
        pull(found)


def test_only_pickles(hub: Hub) -> None:
    del hub.files["model.safetensors"]
    hub.files["pytorch_model.bin"] = b"cos\nabort\n(tR."
    with pytest.raises(ModelError, match=r"pytorch_model\.bin is a pickle"):
        pull(HubId(NAME))
    assert hub.asked == []


def test_no_weights_or_no_config(hub: Hub) -> None:
    del hub.files["model.safetensors"]
    with pytest.raises(ModelError, match="no weights"):
        pull(HubId(NAME))
    del hub.files["config.json"]
    with pytest.raises(ModelError, match="no config"):
        pull(HubId(NAME))


def test_names_that_lead_out_of_the_folder_are_left_out(hub: Hub, tmp_path: Path) -> None:
    hub.files |= {"LICENSE/../../../../evil": b"x", "model-1-of-/../../2.safetensors": b"x"}
    pull(HubId(NAME))
    assert not list(tmp_path.rglob("*evil*"))


def test_shards(hub: Hub) -> None:
    del hub.files["model.safetensors"]
    hub.files |= {f"model-0000{n}-of-00002.safetensors": b"%d" % n for n in (1, 2)}
    hub.files["model.safetensors.index.json"] = b"{}"
    assert len(list(pull(HubId(NAME)).iterdir())) == 5


@pytest.mark.usefixtures("hub")
def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DeviceError, match="cannot be reached") as told:
        pull(HubId(NAME))
    assert told.value.exit_status == 69


@pytest.mark.usefixtures("hub")
def test_off_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DeviceError, match="HF_HUB_OFFLINE"):
        pull(HubId(NAME))


@pytest.mark.usefixtures("hub")
def test_two_pulls_at_once(tmp_path: Path) -> None:
    repo = tmp_path / "hub" / "models--someone--tiny"
    repo.mkdir(parents=True)
    with (repo / ".kwsd-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DeviceError, match="another kwsd"):
            pull(HubId(NAME))
    assert pull(HubId(NAME)).is_dir()


def test_a_disk_that_is_too_small_and_one_that_gets_full(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 100})
    with monkeypatch.context() as small:
        small.setattr("shutil.disk_usage", lambda _: usage)
        with pytest.raises(DeviceError, match="does not fit"):
            pull(HubId(NAME))

    def full(_done: int, _total: int) -> None:
        if _done > 5000:
            raise OSError(28, "No space left on device")

    with pytest.raises(DeviceError, match=r"it is full.*HF_HOME"):
        pull(HubId(NAME), full)
    assert (pull(HubId(NAME)) / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.asked[-1][1] is not None  # what had arrived was kept


@pytest.mark.usefixtures("hub")
def test_a_pulled_model_is_forgotten() -> None:
    pull(HubId(NAME))
    pull(HubId(NAME, "v1"))
    assert forget(HubId(NAME)) >= len(WEIGHTS)
    assert list(pulled_ids()) == []
    with pytest.raises(ModelError, match="not among"):
        forget(HubId(NAME))


def test_the_environment_says_where_and_whether(hub: Hub, tmp_path: Path) -> None:
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
    assert [path.read_bytes() for path in found] == [WEIGHTS]
