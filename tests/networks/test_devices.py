"""The device that is picked: a GPU only where torch sees one, and it computes."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
import torch

from kwsd.errors import DeviceError
from kwsd.networks.devices import pick_device


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The device of a driver, for a GPU that torch sees and computes on."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    ones = torch.ones
    monkeypatch.setattr(torch, "ones", lambda *size, **_: ones(*size))
    (tmp_path / "nvidiactl").touch()
    return tmp_path / "nvidiactl"


def test_without_a_drivers_device_torch_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    none = (tmp_path / "nvidiactl",)
    assert pick_device("auto", none) == pick_device("cpu", none) == "cpu"
    with pytest.raises(DeviceError, match="--device cpu, or install NVIDIA's driver"):
        pick_device("cuda", none)


@pytest.mark.parametrize(
    ("cuda", "visible", "remedy"),
    [
        (None, None, "install a CUDA build of torch"),
        ("13.0", None, "install a newer driver, for CUDA 13.0"),
        ("13.0", "9", "CUDA_VISIBLE_DEVICES"),
    ],
)
def test_what_is_lacking_is_named(
    node: Path, monkeypatch: pytest.MonkeyPatch, cuda: str | None, visible: str | None, remedy: str
) -> None:
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(DeviceError, match=f"use --device cpu, or .*{remedy}"):
        pick_device("cuda", (node,))


def test_torch_that_is_not_installed_finds_nothing(node: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for nodes, remedy in (
        ((node,), "install a CUDA build of it"),
        ((tmp_path / "none",), "install NVIDIA's driver and"),
    ):
        with pytest.raises(DeviceError, match=f"there is no torch, which CUDA needs; use --device cpu, or {remedy}"):
            pick_device("cuda", nodes)


def test_torch_is_not_asked_in_a_folder_that_is_gone(
    node: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(FileNotFoundError):  # its libraries would end the process
        pick_device("auto", (node,))
    monkeypatch.setitem(sys.modules, "torch", None)  # a board that does without it listens there
    assert pick_device("auto", (node,)) == "cpu"


def test_with_one_torch_decides(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for present, device in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda present=present: present)
        assert pick_device("auto", (node,)) == device
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert pick_device("auto", (node,)) == "cpu"


def test_a_gpu_that_torch_was_not_built_for_is_left_alone(
    node: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Torch sees it all the same, and fails only when something is computed there."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nSearch for ...")

    monkeypatch.setattr(torch, "ones", fail)
    with caplog.at_level(logging.WARNING, "kwsd"):
        assert pick_device("auto", (node,)) == "cpu"
    assert "no kernel image is available for execution on the device, so the CPU is used" in caplog.text
    with pytest.raises(DeviceError, match=r"no kernel image .* use --device cpu"):
        pick_device("cuda", (node,))
    assert pick_device("cpu", (node,)) == "cpu"
