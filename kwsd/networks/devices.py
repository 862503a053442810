"""Finds out whether there is a GPU, without importing torch on machines that cannot have one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from kwsd.errors import DeviceError

NODES = tuple(map(Path, ("/dev/nvidiactl", "/dev/nvidia0", "/dev/nvhost-gpu", "/dev/nvgpu", "/dev/dxg")))
"""Device nodes of NVIDIA's driver on a PC, on a Jetson and in WSL; without any of them, CUDA finds no device."""


def pick_device(wanted: str, nodes: Iterable[Path] = NODES) -> str:
    """Resolve "auto", "cuda" or "cpu" to an available device, "cuda" or "cpu".

    Raises:
        DeviceError: CUDA is asked for and absent.
    """
    present = wanted != "cpu" and any(node.exists() for node in nodes) and _torch_sees_one()
    if wanted == "cuda" and not present:
        raise DeviceError("torch finds no CUDA device;", "use --device cpu, or install a CUDA build of torch")
    return "cuda" if present else "cpu"


def _torch_sees_one() -> bool:
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return False
    try:
        import torch
    except ImportError:  # kwsd was installed without it
        return False
    return torch.cuda.is_available()
