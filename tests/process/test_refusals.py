"""What is wrong is said in one line, at once, with the documented exit status, and nothing is left behind."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MODEL = Path(__file__).parents[2] / "models" / "hubert-commands"

NO_PORTAUDIO = "raise OSError('PortAudio library not found')\n"
DEVICES = """
class PortAudioError(Exception): pass
class default: device = (0, -1)
def query_hostapis(): return ({'name': 'ALSA', 'default_input_device': 0},)
def query_devices(): return [
    {'name': name, 'hostapi': 0, 'max_input_channels': 1, 'default_samplerate': 16000.0} for name in NAMES
]
"""


def refused(ran: Any, status: int, *parts: str) -> None:
    """One line on standard error, nothing on standard output, the status."""
    assert ran.status == status, ran.err
    assert ran.out == ""
    (line,) = ran.errors
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[gate]\nenabled = true\nonset_ms = = 30\n", ["line 3"]),
        ("[gate]\nenabled = true\n[audio\n", ["line 3"]),
        ("[gate]\nonset = 30\n", ["'onset'", "'onset_ms'"]),
        ("[triger]\nthreshold = 0.5\n", ["[triger]", "'trigger'"]),
        ("[gate]\nonset_ms = 5\n", ["gate.onset_ms", "5", "10 to 1000"]),
        ("[model]\ndevice = 'gpu'\n", ["model.device", "'gpu'", "auto, cuda or cpu"]),
        ("[hooks.words]\nzebra = 'true'\n", ["'zebra'", "hubert-commands"]),
        ("[hooks.words]\nstopp = 'true'\n", ["'stopp'", "'stop'"]),
        ("[trigger]\nwords = ['yes', 'nope']\n", ["'nope'"]),
        ("[hooks.words]\nyes = 'no-such-program --now'\n", ["'yes'", "'no-such-program'", "not found in PATH"]),
        ("[hooks.words]\nyes = ['/etc/passwd']\n", ["'yes'", "not executable", "chmod +x"]),
        ("[hooks.words]\nyes = '/etc'\n", ["'yes'", "a folder"]),
    ],
)
def test_a_configuration_that_cannot_be_meant(
    user: Any, recordings: Path, tmp_path: Path, text: str, parts: list[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    refused(user.run("listen", recordings / "commands.flac", "--config", file), 78, *parts)


@pytest.mark.parametrize(
    "text",
    [
        "[keep]\nfolder = '/tmp/türkçe'\n",
        "[socket]\nenabled = true\npath = '/tmp/türkçe'\n",
        "[metrics]\ntoken_file = '/tmp/türkçe'\n",
        "[model]\nname = '/tmp/türkçe'\n",
        "[hooks.words]\nyes = 'echo türkçe'\n",
    ],
)
def test_a_letter_that_the_locale_lacks(user: Any, recordings: Path, tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    served = ("--metrics", tmp_path / "metrics")
    ran = user.run("listen", recordings / "commands.flac", "--config", file, *served, **ascii_only)
    assert ran.status == 78, ran.err
    assert ran.errors[-1].endswith("set LC_ALL=C.UTF-8, or use another name")


@pytest.mark.parametrize(
    ("flags", "status", "parts"),
    [
        (["--hook", "yes=no-such-program"], 78, ["'no-such-program'", "not found in PATH"]),
        (["--hook", "zebra=true"], 78, ["'zebra'"]),
        (["--hook", "true"], 2, ["--hook"]),
        (["--words", "yes,nein"], 78, ["'nein'"]),
        (["--threshold", "1.5"], 2, ["--threshold", "0.001 to 1"]),
        (["--config", "/no/such/config.toml"], 78, ["/no/such/config.toml"]),
        (["--model", "no-such-model"], 78, ["'no-such-model'", "hubert-commands"]),
    ],
)
def test_flags_that_cannot_be_meant(
    user: Any, recordings: Path, flags: list[str], status: int, parts: list[str]
) -> None:
    refused(user.run("listen", recordings / "commands.flac", *flags), status, *parts)


def edited(folder: Path, file: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a JSON file."""
    values = json.loads((folder / file).read_text())
    change(values)
    (folder / file).write_text(json.dumps(values))


def truncate(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 1_000_000)
    edited(folder, "card.json", lambda card: card.pop("sha256"))


def damage(folder: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-10, os.SEEK_END)
        file.write(b"0123456789")


def relabel(folder: Path) -> None:
    edited(folder, "config.json", lambda config: config["id2label"].pop(str(len(config["id2label"]) - 1)))


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytest.bin").write_bytes(pickle.dumps({"weights": 1}))


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        (lambda folder: (folder / "config.json").unlink(), ["no config.json"]),
        (lambda folder: (folder / "model.safetensors").unlink(), ["has no weights (model.safetensors)"]),
        (truncate, ["model.safetensors", "fetch the model again"]),
        (damage, ["model.safetensors", "SHA-256"]),
        (relabel, ["labels", "but the weights are for"]),
        (pickled, ["which kwsd never opens", "safetensors"]),
        (lambda folder: (folder / "config.json").write_text("{"), ["config.json", "fetch the model again"]),
    ],
    ids=["no config", "no weights", "truncated", "wrong checksum", "wrong label count", "a pickle", "broken config"],
)
def test_a_model_folder_that_is_no_good(
    user: Any, recordings: Path, tmp_path: Path, spoil: Callable[[Path], None], parts: list[str]
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    spoil(folder)
    refused(user.run("listen", recordings / "commands.flac", "--model", folder), 78, str(folder), *parts)


@pytest.fixture
def stub(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Makes the environment of a machine whose sounddevice is the given text."""

    def make(text: str) -> dict[str, str]:
        (tmp_path / "sounddevice.py").write_text(text)
        path = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {"PYTHONPATH": os.pathsep.join(path)}

    return make


@pytest.mark.parametrize("command", ["listen", "devices"])
def test_no_portaudio(user: Any, stub: Callable[[str], dict[str, str]], command: str) -> None:
    refused(user.run(command, **stub(NO_PORTAUDIO)), 69, "PortAudio", "libportaudio2")


@pytest.mark.parametrize("command", ["listen", "devices"])
def test_a_portaudio_that_aborts(user: Any, stub: Callable[[str], dict[str, str]], command: str) -> None:
    refused(user.run(command, **stub("import os; os.abort()")), 69, "signal 6", "is ALSA's configuration whole")


@pytest.mark.parametrize("command", ["listen", "devices"])
def test_no_input_device(user: Any, stub: Callable[[str], dict[str, str]], command: str) -> None:
    refused(user.run(command, **stub("NAMES = []\n" + DEVICES)), 69, "no input device")


@pytest.mark.parametrize(("wanted", "why"), [("headset", "no input device matches 'headset'"), ("usb", "several")])
def test_a_name_that_matches_none_or_several(
    user: Any, stub: Callable[[str], dict[str, str]], wanted: str, why: str
) -> None:
    env = stub("NAMES = ['USB one', 'USB two', 'built-in']\n" + DEVICES)
    ran = user.run("listen", "--microphone", wanted, **env)
    refused(ran, 69, why, "'USB one'", "'USB two'")


def test_files_and_pipes_need_no_portaudio(user: Any, stub: Callable[[str], dict[str, str]]) -> None:
    ran = user.run("listen", "-", "--format", "json", "--events", "all", **stub(NO_PORTAUDIO))
    assert ran.status == 0
    assert [event["type"] for event in ran.events] == ["stopped"]  # an empty pipe is no mistake


def test_the_doctor_names_the_remedy(user: Any, stub: Callable[[str], dict[str, str]]) -> None:
    ran = user.run("doctor", "--format", "json", **stub(NO_PORTAUDIO))
    assert ran.status == 69
    assert "apt install libportaudio2" in ran.out


def test_the_doctor_outlives_a_portaudio_that_aborts(user: Any, stub: Callable[[str], dict[str, str]]) -> None:
    ran = user.run("doctor", **stub("import os; os.abort()"))
    assert ran.status == 69
    assert "fail  PortAudio        microphones cannot be listed (signal 6)\n" in ran.out
    assert "ok    model" in ran.out  # the rest is looked at all the same


def test_no_daemon_to_subscribe_to(user: Any, tmp_path: Path) -> None:
    refused(user.run("events", "--socket", tmp_path / "none"), 69, "no daemon is running")
