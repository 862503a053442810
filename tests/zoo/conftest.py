"""A server on loopback that stands in for the Hub."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from patience import PATIENCE_S

NAME = "someone/tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = bytes(range(256)) * 40


@dataclass
class Hub:
    """A server with one model, someone/tiny; `asked` is what was fetched of it: a file's name and the Range header.

    `page` is what it answers about models of "hotel", and in place of the files `paged`, as a network does that asks to
    sign in. `tokens` are the Authorization headers of all requests, None for one without."""

    url: str = ""
    commit: str = COMMIT
    weights: bytes = WEIGHTS
    page: bytes = b"<html>Welcome!</html>"
    files: dict[str, bytes] = field(default_factory=dict)
    paged: set[str] = field(default_factory=set)
    spoilt: set[str] = field(default_factory=set)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)

    def listing(self) -> dict[str, Any]:
        siblings = []
        for name, data in self.files.items():
            entry: dict[str, Any] = {"rfilename": name, "size": len(data)}
            git = b"blob %d\0" % len(data) + data
            entry["blobId"] = hashlib.sha1(git, usedforsecurity=False).hexdigest()
            if name.endswith((".safetensors", ".bin")):
                digest = hashlib.sha256(data).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 130}
                entry["blobId"] = hashlib.sha1(
                    digest.encode(), usedforsecurity=False
                ).hexdigest()  # of a pointer's blob
            siblings.append(entry)
        return {"id": NAME, "modelId": NAME, "sha": self.commit, "siblings": siblings, "tags": [], "private": False}


class Handler(BaseHTTPRequestHandler):
    """The part of the Hub's interface that a pull uses."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.tokens.add(self.headers.get("Authorization"))
        if path in (f"/api/models/{NAME}", f"/api/models/{NAME}/revision/main", f"/api/models/{NAME}/revision/v1"):
            self._answer(200, json.dumps(self.hub.listing()).encode(), "application/json")
        elif path.startswith(f"/api/models/{NAME}/revision/"):
            self._answer(404, b"{}", "application/json", {"X-Error-Code": "RevisionNotFound"})
        elif path.startswith("/api/models/busy/"):
            self._answer(500, b"{}", "application/json")
        elif path.startswith("/api/models/hotel/"):
            self._answer(200, self.hub.page, "text/html")
        elif path.startswith("/api/"):
            self._answer(404, b"{}", "application/json", {"X-Error-Code": "RepoNotFound"})
        else:
            self._file(path.removeprefix(f"/{NAME}/resolve/{self.hub.commit}/"))

    def _file(self, name: str) -> None:
        data, wanted = self.hub.files[name], self.headers.get("Range")
        self.hub.asked.append((name, wanted))
        if name in self.hub.paged:
            self._answer(200, self.hub.page, "text/html")
            return
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
    for limit in ("HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"):
        monkeypatch.setattr(f"huggingface_hub.constants.{limit}", PATIENCE_S)
    yield served
    server.shutdown()
    thread.join()
    server.server_close()
