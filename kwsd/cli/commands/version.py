"""`kwsd version`."""

from __future__ import annotations

import platform

from kwsd import __version__
from kwsd.cli.console import say

_PARTS = (
    *("onnxruntime", "torch", "transformers", "numpy", "safetensors", "huggingface-hub", "typer"),
    *("sounddevice", "soundfile", "soxr", "webrtcvad-wheels"),
)


def version() -> None:
    """Say which versions of kwsd, Python and the libraries these are, for a bug report."""
    say(f"kwsd {__version__}")
    say(f"Python {platform.python_version()}, {platform.platform()}")
    for part in _PARTS:
        say(f"{part} {_version(part)}")


def _version(part: str) -> str:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed(part)
    except PackageNotFoundError:
        return "is not installed"
