"""What is counted, and the page that Prometheus reads."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.audio.ring import Ring
from kwsd.daemon.bearer import read_token
from kwsd.daemon.counters import Counters, Metered, level_dbfs
from kwsd.daemon.exposition import exposition
from kwsd.daemon.scrape import ScrapeServer
from kwsd.errors import ConfigError, DeviceError
from kwsd.events import (
    AudioLost,
    Detection,
    DeviceLost,
    DeviceRestored,
    Envelope,
    Event,
    HookFinished,
    HopChanged,
    Ready,
)
from kwsd.networks.cascade import Cascade

STOP = Detection("desk", "stop", 0.9975, 0.9, 54_720, 62_400, 64_000, "tiny")
EVENTS: list[Event] = [
    Ready("desk", "tiny", "cpu"),
    STOP,
    STOP,
    AudioLost("desk", 16_000, 8_000),
    HookFinished("desk", "stop", "true", 0, False, 1.0),
    HookFinished("desk", "stop", "false", 1, False, 1.0),
    HookFinished("desk", "stop", "sleep", None, False, 0.0),
    HopChanged("desk", 16_000, 3_200, 24_000),
    DeviceLost("desk", 16_000, "gone"),
    DeviceRestored("desk", 32_000, 16_000),
    DeviceLost("desk", 48_000, "gone"),
]


@pytest.fixture
def counters(zoo: Any) -> Counters:
    ring = Ring(160_000)
    ring.skip(4_800, overflow=True)
    ring.skip(3_200)  # a microphone that was away
    ring.write(np.full(24_000, 3277, np.int16), wait=False)
    counters = Counters({"desk": ring}, 1600)
    for number, event in enumerate(EVENTS):
        counters.send(Envelope.seal(event, number))
    engine = Metered(zoo.load_classifier(None, device="cpu"), counters)
    assert engine.score(np.ones((3, 16_000), np.float32)).shape == (3, 4)
    counters.heard(10)
    counters.count_subscribers(2)
    return counters


def test_all_that_happened_is_counted(counters: Counters) -> None:
    found = counters.snapshot()
    assert found["streams"] == {"desk": {"audio_s": 2.0, "lost": True, "hop_ms": 200, "level_dbfs": -20.0}}
    assert found["detections"] == {"stop": 2}
    assert (found["windows_scored"], found["windows_gated"], found["inference_batches"]) == (3, 7, 1)
    assert (found["audio_lost_s"], found["overflows"], found["device_losses"]) == (0.5, 1, 2)
    assert (found["hook_runs"], found["hook_failures"]) == (2, 2)
    assert (found["model"], found["device"], found["subscribers"]) == ("tiny", "cpu", 2)
    assert found["real_time_factor"] == pytest.approx(found["inference_s"] / 2.0, abs=1e-5)
    answer = json.loads(counters.answer())
    assert (answer["type"], answer["schema"], answer["detections"]) == ("status", 1, {"stop": 2})


class First:
    """Sure of silence where the sound is nothing but zeros; else takes it for the word that its first sample says."""

    labels, device = ("yes", "_unknown_", "_silence_"), "cpu"
    name = "first"

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        word = (windows[:, 0] > 0).astype(np.float32)
        return np.stack([word, 0 * word, 1 - word], axis=1)


def test_what_a_verifier_is_asked_about_is_counted(counters: Counters) -> None:
    cascade = Cascade(First(), First(), asked_from=0.5, weight=0.5)
    engine = Metered(cascade, counters)
    assert counters.snapshot()["windows_verified"] == 0
    windows = np.zeros((5, 16_000), np.float32)
    engine.score(windows)
    windows[1:3] = 1
    engine.score(windows)
    engine.score(windows[2:3])
    found = counters.snapshot()
    assert (found["windows_scored"], found["windows_verified"]) == (3 + 11, 3)
    assert "kwsd_windows_verified_total 3\n" in exposition(found)


def test_without_a_verifier_nothing_is_said_of_one(counters: Counters) -> None:
    found = counters.snapshot()
    assert "windows_verified" not in found
    assert "verified" not in exposition(found)


def test_silence_has_no_level() -> None:
    ring = Ring(32_000)
    assert level_dbfs(ring) is None
    ring.write(np.zeros(16_000, np.int16), wait=False)
    assert level_dbfs(ring) is None


def test_the_page_is_in_prometheus_format(counters: Counters) -> None:
    lines = exposition(counters.snapshot()).splitlines()
    samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert samples['kwsd_detections_total{word="stop"}'] == "2"
    assert samples['kwsd_audio_seconds_total{stream="desk"}'] == "2"
    assert samples['kwsd_hop_seconds{stream="desk"}'] == "0.2"
    assert samples['kwsd_device_lost{stream="desk"}'] == "1"
    assert samples["kwsd_windows_gated_total"] == "7"
    assert samples["kwsd_audio_lost_seconds_total"] == "0.5"
    assert samples["kwsd_overflows_total"] == "1"
    assert samples["kwsd_inference_seconds_count"] == samples['kwsd_inference_seconds_bucket{le="+Inf"}'] == "1"
    kinds = dict(line.split()[2:] for line in lines if line.startswith("# TYPE"))
    assert all(kind == "counter" for name, kind in kinds.items() if name.endswith("_total"))
    assert all(name.endswith("_total") for name, kind in kinds.items() if kind == "counter")


def test_the_client_library_reads_the_page_as_it_was_meant(counters: Counters) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    snapshot = counters.snapshot()
    stream = snapshot["streams"].pop("desk")
    snapshot["streams"]['a "b"\\c\nd'] = {**stream, "level_dbfs": None}
    families = {family.name: family for family in parser.text_string_to_metric_families(exposition(snapshot))}
    assert families["kwsd_inference_seconds"].type == "histogram"
    (level,) = families["kwsd_level_dbfs"].samples
    assert (level.labels, level.value) == ({"stream": 'a "b"\\c\nd'}, float("-inf"))


@pytest.fixture
def serve() -> Iterator[Callable[[str], ScrapeServer]]:
    """Serves a page; the thread's failures fail the test."""
    failures: list[BaseException] = []
    servers: list[ScrapeServer] = []

    def make(where: str) -> ScrapeServer:
        servers.append(ScrapeServer(where, lambda: "kwsd_up 1\n", failed=failures.append))
        return servers[-1]

    yield make
    for server in servers:
        server.close()
    assert failures == []


def get(path: str, port: int, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_a_port_of_this_machine_is_served(serve: Callable[[str], ScrapeServer]) -> None:
    port = int(serve("0").address.rpartition(":")[2].partition("/")[0])
    assert get("/metrics", port) == (200, "kwsd_up 1\n")
    assert get("/metrics", port, "HEAD") == (200, "")
    assert get("/etc/passwd", port)[0] == 404
    assert get("/metrics", port, "POST")[0] == 405


def test_a_socket_is_served_to_its_owner_and_goes_with_the_server(
    serve: Callable[[str], ScrapeServer], tmp_path: Path
) -> None:
    path = tmp_path / "metrics.sock"
    server = serve(str(path))
    assert server.address == str(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert client.makefile("rb").read().endswith(b"\r\n\r\nkwsd_up 1\n")


@pytest.mark.parametrize("request_", [b"", b"GET", b"\0" * 10_000, b"GET /metrics HTTP/1.1\r\nx: " + b"y" * 9000])
def test_clients_that_say_nothing_or_too_much_hold_up_nobody_for_long(
    serve: Callable[[str], ScrapeServer], tmp_path: Path, request_: bytes
) -> None:
    path = tmp_path / "metrics.sock"
    serve(str(path))
    with socket.socket(socket.AF_UNIX) as rude, socket.socket(socket.AF_UNIX) as polite:
        rude.connect(str(path))
        rude.sendall(request_)
        polite.settimeout(60)
        polite.connect(str(path))
        polite.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert polite.makefile("rb").read().endswith(b"kwsd_up 1\n")


TOKEN = b"0123456789abcdef"


def ask(port: int, *head: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("GET", "/metrics")
    for line in head:
        name, _, value = line.partition(": ")
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def test_other_machines_are_served_where_it_is_asked_for_twice_and_with_the_token_alone() -> None:
    failures: list[BaseException] = []
    for public, token in ((True, b""), (False, TOKEN)):
        with pytest.raises(ConfigError, match=r"public = true.*token_file"):
            ScrapeServer("0.0.0.0:0", str, failed=failures.append, public=public, token=token)
    server = ScrapeServer("0.0.0.0:0", lambda: "kwsd_up 1\n", failed=failures.append, public=True, token=TOKEN)
    try:
        port = int(server.address.rpartition(":")[2].partition("/")[0])
        right = f"Bearer {TOKEN.decode()}"
        assert ask(port, f"Authorization: {right}") == 200
        assert ask(port, "Accept: */*", f"authorization: bearer  {TOKEN.decode()}") == 200
        assert ask(port) == 401
        for wrong in (right[:-1], right + "0", "Bearer", "Bearer ", f"Basic {TOKEN.decode()}", TOKEN.decode(), "é"):
            assert ask(port, f"Authorization: {wrong}") == 401
        assert ask(port, "Authorization: Bearer wrong", f"Authorization: {right}") == 401
    finally:
        server.close()
    assert failures == []


def test_a_token_is_long_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "token"
    with pytest.raises(ConfigError, match="No such file"):
        read_token(path)
    path.write_bytes(TOKEN + b"\n")
    for mode in (0o640, 0o604, 0o620):
        path.chmod(mode)
        with pytest.raises(ConfigError, match="others may"):
            read_token(path)
    path.chmod(0o600)
    assert read_token(path) == TOKEN
    for text in (b"", b"short", b"two words of a token", b"\xff" * 20):
        path.write_bytes(text)
        with pytest.raises(ConfigError, match="no token of 16") as told:
            read_token(path)
        assert not text or text.decode("latin-1") not in str(told.value)


@pytest.mark.parametrize(
    "where", ["0.0.0.0:9464", "192.168.1.2:9464", "[::]:9464", "example.org:9464", "port", "99999"]
)
def test_other_machines_are_not_served(where: str) -> None:
    with pytest.raises(ConfigError, match=r"metrics\.listen is"):
        ScrapeServer(where, str, failed=lambda _: None)


def test_a_port_that_is_taken_is_named(serve: Callable[[str], ScrapeServer]) -> None:
    port = serve("0").address.rpartition(":")[2].partition("/")[0]
    with pytest.raises(DeviceError, match=port):
        serve(port)
