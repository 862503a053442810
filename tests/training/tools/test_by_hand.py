"""A tool that is run by hand tells what goes wrong in a line, and helps without the packages that it needs."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from patience import PATIENCE_S

from kwsd.audio.decoding.files import read_clip
from kwsd.errors import DeviceError, InputError
from kwsd.training.tools import flac
from kwsd.training.tools.by_hand import distinct, run
from kwsd.training.tools.flac import write_flac

TOOLS = ("alignment", "near_words", "splices", "transcripts", "voices")


def tool(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The tool in an interpreter that lacks what kwsd does not need."""
    lacking = "".join(f"sys.modules['{name}'] = None; " for name in ("pocketsphinx", "kokoro_onnx", "moonshine_voice"))
    code = f"import runpy, sys; {lacking}runpy.run_module('kwsd.training.tools.{name}', run_name='__main__')"
    words = [str(argument) for argument in arguments]
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


@pytest.mark.parametrize("name", TOOLS)
def test_its_help_needs_no_package(name: str) -> None:
    done = tool(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: python -m kwsd.training.tools.{name} " in done.stdout
    bare = [line for line in done.stdout.splitlines() if re.fullmatch(r"  (--)?[a-z-]+", line)]
    assert not bare, "an argument without help"


def test_what_is_not_installed_is_named() -> None:
    done = tool("near_words", "yes")
    assert (done.returncode, done.stderr) == (69, "error: pocketsphinx is not installed: pip install pocketsphinx\n")


@pytest.mark.parametrize(
    ("name", "arguments", "status", "told"),
    [
        ("splices", ("/no/such/folder", "out"), 66, "no such folder"),
        ("splices", ("words", "out", "--count", "0"), 2, "at least 1"),
        ("transcripts", ("/no/such/folder", "--out", "said.tsv"), 66, "no such file or folder"),
    ],
)
def test_a_mistake_is_a_line(tmp_path: Path, name: str, arguments: tuple[str, ...], status: int, told: str) -> None:
    done = tool(name, *(tmp_path / word if word in ("out", "said.tsv") else word for word in arguments))
    assert done.returncode == status
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOSPC])
def test_what_cannot_be_written_is_a_line(code: int, capsys: pytest.CaptureFixture[str]) -> None:
    def closed() -> None:
        raise OSError(code, os.strerror(code), "out/done.txt")

    with pytest.raises(SystemExit) as ended:
        run(closed)
    assert ended.value.code == (69 if code == errno.ENOSPC else 73)
    assert capsys.readouterr().err == f"error: out/done.txt: cannot be written ({os.strerror(code)})\n"


def test_a_clip_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    clip = (1000 * np.sin(np.arange(16_000) / 5)).astype(np.int16)
    write_flac(tmp_path / "yes" / "a.flac", clip)
    assert np.array_equal(read_clip(tmp_path / "yes" / "a.flac"), clip)
    monkeypatch.setattr(flac, "write_bytes", full)
    with pytest.raises(DeviceError, match="No space left"):
        write_flac(tmp_path / "yes" / "b.flac", clip)
    assert [path.name for path in (tmp_path / "yes").iterdir()] == ["a.flac"]


def test_ctrl_c_is_no_error_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    def wrong() -> None:
        raise InputError("no such thing")

    for main, status, line in ((stopped, 130, "error: interrupted"), (wrong, 66, "error: no such thing")):
        with pytest.raises(SystemExit) as ended:
            run(main)
        assert ended.value.code == status
        assert capsys.readouterr().err.startswith(line)


def test_two_recordings_of_one_name_are_refused() -> None:
    distinct(["a", "b"])
    with pytest.raises(InputError, match="two recordings are called 'a'"):
        distinct(["a", "b", "a"])


@pytest.mark.parametrize("name", ["a\tb", "a\nb", "a\udcff"])
def test_a_name_that_no_line_can_hold_is_refused(name: str) -> None:
    """The table could not be read when the same call is given again, or nothing be written to it."""
    with pytest.raises(InputError, match=r"a recording is called 'a\\.*, which no line of a table can hold; rename it"):
        distinct(["a", name])
    distinct(["Zoë's talk", "a\u2028b"])
