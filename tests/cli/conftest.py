"""The command line as a function, a user of its own, and a model that is as small as they come."""

from __future__ import annotations

import csv
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.audio.capture.devices import InputDevice
from kwsd.cli import main


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home of a user who has nothing yet; yields the folder of the configuration.

    Where sockets are made, the way is short, as a user's is: pytest's own may be longer than a socket's path can be.
    """
    configuration = tmp_path / "home" / "XDG_CONFIG_HOME"
    configuration.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="kwsd-", dir="/tmp") as short:
        for variable in ("XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
            (Path(short) / variable).mkdir()
            monkeypatch.setenv(variable, str(Path(short) / variable))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(configuration))
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("COLUMNS", "100")
        yield configuration / "kwsd"


@pytest.fixture(autouse=True)
def patient_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is asked may answer late on a busy machine; the tests of who does not answer set limits of their own."""
    for limit in ("commands.status._ANSWER_S", "diagnosis.openings._ANSWER_S", "diagnosis.asking._PATIENCE_S"):
        monkeypatch.setattr(f"kwsd.cli.{limit}", PATIENCE_S)
    monkeypatch.setattr("kwsd.cli.microphones.LATE_S", PATIENCE_S)


@pytest.fixture(autouse=True)
def log() -> Iterator[None]:
    """The log as it was before a command set it up."""
    root, own = logging.getLogger(), logging.getLogger("kwsd")
    handlers, levels = list(root.handlers), (root.level, own.level)
    yield
    root.handlers[:] = handlers
    root.level, own.level = levels
    logging.captureWarnings(False)


@pytest.fixture
def kwsd(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """kwsd("config", "--path"): run a command in this process."""

    def run(*arguments: object) -> Ran:
        capfd.readouterr()
        status = main([str(argument) for argument in arguments])
        said = capfd.readouterr()
        return Ran(status, said.out, said.err)

    return run


@pytest.fixture
def rows() -> Callable[[Path], list[dict[str, str]]]:
    """rows(path): what a training run has written in its journal."""

    def read(journal: Path) -> list[dict[str, str]]:
        with journal.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder: the words yes and no, weights at random."""
    import torch

    from kwsd.exporting.export import export_model
    from kwsd.labels import SILENCE, UNKNOWN
    from kwsd.networks.hubert import HubertSpotterConfig, HubertSpotterModel

    torch.manual_seed(7)
    labels = ["yes", "no", UNKNOWN, SILENCE]
    sizes: dict[str, Any] = {
        "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1,
        "conv_dim": (8, 8, 16), "conv_kernel": (127, 7, 3), "conv_stride": (64, 3, 4), "num_conv_pos_embeddings": 4,
        "num_conv_pos_embedding_groups": 2, "adapter_size": 4, "head_size": 8, "pooling_heads": 2,
    }  # fmt: skip
    config = HubertSpotterConfig(
        id2label=dict(enumerate(labels)), label2id={label: place for place, label in enumerate(labels)}, **sizes
    )
    folder = tmp_path_factory.mktemp("models") / "tiny"
    scores = {"validation": {"accuracy": 0.5}, "cpu_s_per_s": 0.01}
    export_model(HubertSpotterModel(config), folder, name="tiny", licence="CC0-1.0", scores=scores)
    return folder


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder label/clip.wav: three tones each of yes, no and dog, and silence."""
    import numpy as np

    from kwsd.evaluation.output_files import save_wav

    folder = tmp_path_factory.mktemp("clips")
    time = np.arange(16_000) / 16_000
    for place, label in enumerate(("yes", "no", "dog", "_silence_")):
        for clip in range(3):
            loud = 0 if label.startswith("_") else 8000 * (abs(time - 0.5) < 0.15 + 0.05 * clip)
            wave = loud * np.sin(2 * np.pi * (400 + 300 * place) * time)
            save_wav(folder / label / f"{clip}.wav", wave.astype(np.int16))
    return folder


@pytest.fixture
def usb_microphone(monkeypatch: pytest.MonkeyPatch) -> InputDevice:
    """The only one that there is."""
    usb = InputDevice(3, "USB Audio", "ALSA", 1, 48_000.0, is_default=True)
    monkeypatch.setattr("kwsd.audio.capture.probing.probed_devices", lambda: [usb])
    return usb


@pytest.fixture
def findings(kwsd: Callable[..., Ran], tiny_model: Path) -> Callable[..., tuple[int, dict[str, dict[str, Any]]]]:
    """Run kwsd doctor; the exit status, and the findings by what was looked at (the last, where there are two)."""

    def run(*arguments: object, model: Path = tiny_model) -> tuple[int, dict[str, dict[str, Any]]]:
        ran = kwsd("doctor", "--format", "json", "--model", model, *arguments)
        return ran.status, {finding["what"]: finding for finding in json.loads(ran.out)}

    return run


@pytest.fixture
def configured(user: Path) -> Callable[[str], None]:
    """Writes a text as the user's configuration."""

    def write(text: str) -> None:
        user.mkdir(exist_ok=True)
        (user / "config.toml").write_text(text, encoding="utf-8")

    return write
