"""Finds out whether there is a GPU that works, without importing torch on machines that cannot have one."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from kwsd.errors import DeviceError, importing_torch
from kwsd.networks.resource_errors import gpu_failure

log = logging.getLogger(__name__)

NODES = tuple(map(Path, ("/dev/nvidiactl", "/dev/nvidia0", "/dev/nvhost-gpu", "/dev/nvgpu", "/dev/dxg")))
"""Device nodes of NVIDIA's driver on a PC, on a Jetson and in WSL; without any of them, CUDA finds no device."""


def pick_device(wanted: str, nodes: Iterable[Path] = NODES) -> str:
    """Resolve "auto", "cuda" or "cpu" to a device that works, "cuda" or "cpu".

    Raises:
        DeviceError: CUDA is asked for, and absent or of no use.
        FileNotFoundError: torch has to be asked, and the current folder is gone.
    """
    if wanted == "cpu":
        return "cpu"
    driven = any(node.exists() for node in nodes)
    if not (driven and _torch_sees_one()):
        if wanted == "cuda":
            what, lacking = "torch finds no CUDA device", _lacking() if driven else "install NVIDIA's driver"
            if find_spec("torch") is None:
                what = "there is no torch, which CUDA needs"
                lacking = "install a CUDA build of it" if driven else "install NVIDIA's driver and a CUDA build of it"
            raise DeviceError(f"{what};", f"use --device cpu, or {lacking}")
        return "cpu"
    if failure := _failure():
        if wanted == "cuda":
            raise failure
        log.warning("%s, so the CPU is used", failure.what)
        return "cpu"
    return "cuda"


def _torch_sees_one() -> bool:
    # Without torch, as kwsd may be installed, nothing has to be asked, wherever kwsd was started.
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "" or find_spec("torch") is None:
        return False
    try:
        with importing_torch("a GPU needs torch"):
            import torch
    except DeviceError:  # one of its own packages or libraries is missing
        return False
    return torch.cuda.is_available()


def _lacking() -> str:
    """What to do where there is a driver, but torch sees no device. Wheels with CUDA need a driver of their time."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") is not None:
        return "see what CUDA_VISIBLE_DEVICES hides"
    build = "install a CUDA build of torch"
    try:
        import torch
    except ImportError:
        return build
    return f"install a newer driver, for CUDA {torch.version.cuda}" if torch.version.cuda else build


def _failure() -> DeviceError | None:
    """Why the GPU cannot compute; None if it can. Torch also sees one that it was not built for, or that is full."""
    import torch

    try:
        torch.ones(1, device="cuda").sum().item()
    except RuntimeError as error:
        if failure := gpu_failure(error):
            return failure
        raise
    return None
