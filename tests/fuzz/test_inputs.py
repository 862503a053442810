"""Whatever comes in: no crash but a clear error, and no hang.

`KWSD_FUZZ=100000 pytest tests/fuzz` tries more than CI has the time for: so many inputs for each target.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kwsd.audio.files import read_clip
from kwsd.audio.pcm import PcmSource
from kwsd.config import load_config, options
from kwsd.errors import KwsdError
from kwsd.events import Envelope, SpeechStarted
from kwsd.sinks.socket import SocketSink
from kwsd.zoo import load_classifier, read_card

bounded = settings(
    max_examples=int(os.environ.get("KWSD_FUZZ", "150")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

Change = tuple[int, int, bytes]
CHANGES = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=6)


def changed(data: bytes, changes: list[Change], within: int) -> bytes:
    """`data` with pieces of its first bytes replaced, taken out and put in."""
    for place, length, piece in changes:
        at = place % (min(within, len(data)) + 1)
        data = data[:at] + piece + data[at + length :]
    return data


def refusal(call: Callable[[], object]) -> str:
    """The text of the error that it raises for who has to see to it, "" for none; all others are faults."""
    try:
        call()
    except KwsdError as error:
        return str(error)
    return ""


def recording(kind: str) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(2).normal(0, 0.1, 4_000)
    soundfile.write(buffer, noise, 16_000, format=kind)
    return buffer.getvalue()


RECORDINGS = {kind: recording(kind) for kind in ("WAV", "FLAC", "OGG", "AIFF")}


@bounded
@given(kind=st.sampled_from(sorted(RECORDINGS)), changes=CHANGES)
@pytest.mark.filterwarnings("ignore")
def test_recordings_with_broken_headers(tmp_path: Path, kind: str, changes: list[Change]) -> None:
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(changed(RECORDINGS[kind], changes, 120))
    text = refusal(lambda: read_clip(path))
    assert not text or str(path) in text


@bounded
@given(data=st.binary(max_size=2000))
def test_any_bytes_are_samples(data: bytes) -> None:
    blocks = list(PcmSource(io.BytesIO(data)).blocks())
    assert sum(len(block.samples) for block in blocks) == len(data) // 2


KEYS = sorted(options())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@bounded
@given(written=st.text(max_size=200) | st.builds("[{}]\n{} = {}\n".format, *[st.text(max_size=10)] * 3))
def test_any_text_is_a_configuration_or_told_apart(tmp_path: Path, written: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(written.encode("utf-8", "surrogatepass"))
    text = refusal(lambda: load_config(path))
    assert not text or str(path) in text


@bounded
@given(key=st.sampled_from(KEYS), value=VALUES)
def test_any_value_of_any_option_is_taken_or_named(tmp_path: Path, key: str, value: object) -> None:
    path = tmp_path / "config.toml"
    section, _, name = key.partition(".")
    path.write_text(f"[{section}]\n{name} = {_toml(value)}\n", encoding="utf-8", errors="replace")
    text = refusal(lambda: load_config(path))
    assert not text or str(path) in text


def _toml(value: object) -> str:
    """A value as TOML would have it; not always TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SocketSink]:
    failures: list[BaseException] = []
    sink = SocketSink(tmp_path / "s", failed=failures.append, status=lambda: b'{"type": "status"}\n')
    yield sink
    sink.close(0)
    assert failures == []


@bounded
@given(said=st.lists(st.binary(max_size=300) | st.just(b"status\n"), max_size=5))
def test_whatever_a_subscriber_sends_it_gets_events(sink: SocketSink, said: list[bytes]) -> None:
    with socket.socket(socket.AF_UNIX) as subscriber:
        subscriber.connect(str(sink.path))
        subscriber.settimeout(60)
        for data in said:
            subscriber.sendall(data)
        subscriber.sendall(b"\nstatus\n")
        lines = subscriber.makefile()
        assert json.loads(lines.readline())["type"] == "status"
        sink.send(Envelope.seal(SpeechStarted("desk", 0), 1))
        while json.loads(lines.readline())["type"] == "status":
            pass


SHIPPED = Path(__file__).parents[2] / "models" / "hubert-commands"
WEIGHTS_HEAD = 4096


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "m"
    shutil.copytree(SHIPPED, folder)
    return folder


@bounded
@given(name=st.sampled_from(["config.json", "card.json", "model.safetensors"]), changes=CHANGES)
def test_model_folders_with_broken_files(model: Path, name: str, changes: list[Change]) -> None:
    """Without the checksums, which would find every change."""
    card = json.loads((SHIPPED / "card.json").read_text())
    (model / "card.json").write_text(json.dumps({**card, "sha256": {}}))
    data = (SHIPPED / name).read_bytes() if name != "card.json" else (model / name).read_bytes()
    broken = changed(data, changes, WEIGHTS_HEAD)
    (model / name).write_bytes(broken)
    try:
        text = refusal(lambda: read_card(str(model)))
    finally:
        (model / name).write_bytes(data)
    assert not text or str(model) in text


@pytest.fixture(scope="module")
def exported(foreign: Callable[[str], Path]) -> bytes:
    from kwsd.training.selfcontained import as_files

    return as_files(read_card(str(foreign("wav2vec2"))))["int8"]


@bounded
@given(changes=CHANGES)
def test_exported_models_with_broken_bytes(tmp_path: Path, exported: bytes, changes: list[Change]) -> None:
    """Anywhere in the file, the metadata at its end included."""
    path = tmp_path / "a.onnx"
    path.write_bytes(changed(exported, changes, len(exported)))
    text = refusal(lambda: load_classifier(read_card(str(path))))
    assert not text or str(path) in text
