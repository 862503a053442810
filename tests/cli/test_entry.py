"""One line about an error, and the exit status that is documented for it."""

from __future__ import annotations

import errno
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kwsd.errors import ConfigError, DeviceError, InputError, KwsdError, ModelError, OutputError, UsageError

Command = Callable[..., Any]


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let `kwsd version` end with `error`."""

    def say(_: str) -> None:
        raise error

    monkeypatch.setattr("kwsd.cli.commands.version.say", say)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError, 2),
        (InputError, 66),
        (DeviceError, 69),
        (KwsdError, 70),
        (OutputError, 73),
        (ConfigError, 78),
        (ModelError, 78),
    ],
)
def test_every_error_of_kwsd_has_its_status(
    kwsd: Command, monkeypatch: pytest.MonkeyPatch, error: type[KwsdError], status: int
) -> None:
    raising(monkeypatch, error("the lamp is out: light it"))
    ran = kwsd("version")
    assert (ran.status, ran.out, ran.err) == (status, "", "kwsd: error: the lamp is out: light it\n")


def test_a_fault_is_one_line_too(kwsd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, RuntimeError("two\nlines"))
    ran = kwsd("version")
    assert ran.status == 70
    assert ran.err == "kwsd: error: RuntimeError: two lines (a fault in kwsd; run with --debug for the traceback)\n"


@pytest.mark.parametrize("arguments", [("--debug", "version"), ("version", "--debug")])
def test_debug_shows_where(kwsd: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    raising(monkeypatch, RuntimeError("why"))
    ran = kwsd(*arguments)
    assert ran.status == 70
    assert "Traceback (most recent call last)" in ran.err
    assert "raise error" in ran.err


def test_ctrl_c_is_130_and_says_nothing(kwsd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, KeyboardInterrupt())
    ran = kwsd("version")
    assert (ran.status, ran.out) == (130, "")
    assert "Traceback" not in ran.err


def test_ctrl_c_while_a_library_is_imported_is_no_fault_of_the_library(
    kwsd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = ImportError("initialization failed")  # as what is written in C tells it
    imported.__cause__ = KeyboardInterrupt()
    missing = DeviceError("ONNX Runtime cannot be loaded", "pip install onnxruntime")
    missing.__cause__ = imported
    handled = NameError("name 'PackageNotFoundError' is not defined")  # as webrtcvad's `except` tells it
    handled.__context__ = KeyboardInterrupt()
    for error in (imported, missing, handled):
        raising(monkeypatch, error)
        ran = kwsd("version")
        assert (ran.status, ran.out, ran.err) == (130, "", "")


@pytest.mark.parametrize(
    "arguments", [("--nonsense",), ("listen", "--nonsense"), ("hear",), ("train",), ("eval", "clips")]
)
def test_wrong_usage_is_2(kwsd: Command, arguments: tuple[str, ...]) -> None:
    ran = kwsd(*arguments)
    assert ran.status == 2
    assert ran.out == ""
    assert "error" in ran.err.lower()


def test_a_flag_without_a_command_is_refused_too(kwsd: Command) -> None:
    ran = kwsd("--debug")
    assert ran.status == 2
    assert ran.err.endswith("kwsd: error: missing command (see kwsd --help)\n")


def test_version(kwsd: Command) -> None:
    from kwsd import __version__

    assert kwsd("--version").out == f"kwsd {__version__}\n"
    lines = kwsd("version").out.splitlines()
    assert lines[0] == f"kwsd {__version__}"
    for part in ("torch", "onnxruntime"):
        (line,) = [line for line in lines if line.startswith(f"{part} ")]
        assert line.split()[1][0].isdecimal()


@pytest.mark.parametrize("home", ["", "home"])
def test_a_home_that_is_no_absolute_path_is_none(home: str) -> None:
    env = {key: value for key, value in os.environ.items() if key != "XDG_CONFIG_HOME"} | {"HOME": home}
    ran = subprocess.run(
        [sys.executable, "-m", "kwsd", "config", "--path"], env=env, capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"{pwd.getpwuid(os.getuid()).pw_dir}/.config/kwsd/config.toml\n"


def test_a_place_that_is_closed_to_us_is_no_fault(kwsd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, PermissionError(errno.EACCES, "Permission denied", "/secret/config.json"))
    ran = kwsd("version")
    assert ran.status == 66
    assert "/secret/config.json: Permission denied; check the name and its permissions" in ran.err


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:port", "http://[::1", "http://hub:65536"])
def test_an_address_of_the_hub_that_is_none_is_no_fault(
    kwsd: Command, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    raising(monkeypatch, ValueError("Port could not be cast"))
    assert kwsd("version").status == 70
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    ran = kwsd("version")
    assert ran.status == 69
    assert f"HF_ENDPOINT is '{endpoint}', which is no address (" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [("train", "--data", "clips"), ("bench",), ("export", "hubert-commands", "--out", "."), ("classify", "a.wav")],
)
def test_a_current_folder_that_is_gone_is_no_fault(
    kwsd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    ran = kwsd(*arguments)
    assert (ran.status, ran.out) == (66, "")
    assert ran.err == "kwsd: error: the current folder was removed: go to one that exists (cd)\n"


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (RuntimeError("can't start new thread"), "raise TasksMax= of the unit"),
        (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), "raise TasksMax= of the unit"),
        (MemoryError(), "free some"),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "free some"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE), "/dev/null"), "raise LimitNOFILE= of the unit"),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"), "or set TMPDIR"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "free some"),
        (ImportError("numpy: PLEASE READ\n\nOriginal error was: a.so: failed to map segment"), "is not mounted noexec"),
        (RuntimeError("NumPy was built with baseline optimizations: \n(X86_V2) but"), "pip install 'numpy<2.4'"),
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has"), "the GPU has too little memory"),
        (RuntimeError("CUDA error: unspecified launch failure\nSearch for"), "unspecified launch failure; use"),
    ],
)
def test_a_limit_of_the_system_is_no_fault(
    error: Exception, remedy: str, kwsd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, error)
    ran = kwsd("version")
    assert ran.status == 69
    assert remedy in ran.err
    assert "fault" not in ran.err


def test_another_error_of_the_system_is_a_fault(kwsd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, OSError(errno.EPERM, "Operation not permitted"))
    ran = kwsd("version")
    assert ran.status == 70
    assert "a fault in kwsd" in ran.err


def test_the_module_is_the_program() -> None:
    done = subprocess.run([sys.executable, "-m", "kwsd", "events"], capture_output=True, text=True, check=False)
    assert done.returncode == 69
    assert done.stderr.startswith("kwsd: error: no daemon is running")


def test_what_the_locale_has_no_letter_for_is_spelt_out(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[hooks.words]\nstop = [["echo", "\u2192"]]\n', encoding="utf-8")
    command = [sys.executable, "-m", "kwsd", "config", "--config", str(tmp_path / "c.toml")]
    env = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, capture_output=True, encoding="latin-1", check=False, env=env)
    assert done.returncode == 0, done.stderr
    assert "\\u2192" in done.stdout


def test_a_machine_without_dev_null_is_no_fault() -> None:
    code = "import os, sys; os.devnull = '/none/null'; from kwsd.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith("kwsd: error: /none/null cannot be opened: No such file or directory; ")
    assert len(done.stderr.splitlines()) == 1
