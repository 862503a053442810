"""Where the findings of a measurement go."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.cli.publishing import check_places, publish
from kwsd.errors import DeviceError, OutputError
from kwsd.evaluation.report import Table

Command = Callable[..., Any]


class Found:
    def tables(self) -> Sequence[Any]:
        return ()

    def to_dict(self) -> Mapping[str, Any]:
        return {"kind": "clips"}


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    publish(Found(), str(tmp_path / "link.json"))  # type: ignore[arg-type]  # a dict is a mapping
    assert (tmp_path / "link.json").is_symlink()
    assert "clips" in (tmp_path / "real.json").read_text()


def test_a_report_names_the_version_of_its_form(capsys: pytest.CaptureFixture[str]) -> None:
    publish(Found(), "-")  # type: ignore[arg-type]  # a dict is a mapping
    assert json.loads(capsys.readouterr().out) == {"schema": 1, "kind": "clips"}


def test_standard_output_by_another_name_gets_the_json_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Told(Found):
        def tables(self) -> Sequence[Any]:
            return (Table("By word", ("word",), (("yes",),)),)

    with (tmp_path / "out.json").open("w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        name = f"/proc/self/fd/{stdout.fileno()}"  # what /dev/stdout is a link to
        check_places(name)
        publish(Told(), name)  # type: ignore[arg-type]  # a dict is a mapping
    assert json.loads((tmp_path / "out.json").read_text()) == {"schema": 1, "kind": "clips"}


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append((tmp_path / "pipe").read_text()))
    reader.start()
    publish(Found(), str(tmp_path / "pipe"))  # type: ignore[arg-type]  # a dict is a mapping
    reader.join(PATIENCE_S)
    assert "clips" in heard[0]
    assert (tmp_path / "pipe").is_fifo()


def test_a_name_that_is_not_utf8_is_told_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Named(Found):
        def tables(self) -> Sequence[Any]:
            return (Table("What fired", ("file",), (("b\udcff.wav",),)),)

        def to_dict(self) -> Mapping[str, Any]:
            return {"file": "b\udcff.wav"}

    publish(Named(), str(tmp_path / "out.json"))  # type: ignore[arg-type]  # a dict is a mapping
    publish(Named(), "-")  # type: ignore[arg-type]  # a dict is a mapping
    assert "b\ufffd.wav" in (tmp_path / "out.json").read_text(encoding="utf-8")
    assert capsys.readouterr().out.count("b\ufffd.wav") == 2
    assert not list(tmp_path.glob("*.part"))


def test_a_name_that_is_not_utf8_in_another_locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Named(Found):
        def to_dict(self) -> Mapping[str, Any]:
            return {"file": "b\udcff.wav"}

    with (tmp_path / "out").open("w", encoding="ascii") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        publish(Named(), "-")  # type: ignore[arg-type]  # a dict is a mapping
    assert r'"b\ufffd.wav"' in (tmp_path / "out").read_text()


def test_pictures_are_drawn_though_nobody_reads_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Told(Found):
        def tables(self) -> Sequence[Any]:
            return (Table("By word", ("word",), (("yes",),) * 10_000),)  # more than a buffer takes

    reader, writer = os.pipe()
    os.close(reader)
    drawn: list[Path] = []

    def draw(place: Path) -> Sequence[Path]:
        drawn.append(place)
        return drawn

    with suppress(BrokenPipeError), os.fdopen(writer, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        with pytest.raises(BrokenPipeError):
            publish(Told(), None, tmp_path, draw)  # type: ignore[arg-type]  # a dict is a mapping
    assert drawn == [tmp_path]


def test_a_full_device_is_told() -> None:
    with pytest.raises(DeviceError, match="No space left"):
        publish(Found(), "/dev/full")  # type: ignore[arg-type]  # a dict is a mapping


def test_a_place_where_nothing_can_be_written_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "old.json").write_text("old")
    check_places(None)
    for place in ("-", "/dev/full", tmp_path / "pipe", tmp_path / "old.json", tmp_path / "new" / "out.json"):
        check_places(str(place))  # a pipe's reader may not be there yet
    assert (tmp_path / "old.json").read_text() == "old"
    for wrong in (tmp_path, tmp_path / "old.json" / "out.json"):
        with pytest.raises(OutputError, match="cannot be written"):
            check_places(str(wrong))


@pytest.mark.parametrize("command", ["clips", "stream", "negatives"])
def test_every_evaluation_looks_first(kwsd: Command, tmp_path: Path, command: str) -> None:
    heard = (tmp_path / "none.wav", tmp_path / "none.tsv") if command == "stream" else (tmp_path / "none",)
    ran = kwsd("eval", command, *heard, "--json", tmp_path)
    assert ran.status == 73
    assert f"{tmp_path}: cannot be written (Is a directory): name another place" in ran.err
