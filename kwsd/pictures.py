"""Plots as PNG files: the only module that imports matplotlib."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from kwsd.errors import lacks_packages, writing

if TYPE_CHECKING:
    from matplotlib import axes
    from matplotlib.figure import Figure

    Axes = axes.Axes  # for the modules that draw, so that they need not import matplotlib

BLUE, ORANGE, GREY, GREEN = "#1f5a99", "#d9730d", "#8a8a8a", "#3a7d44"


def check_matplotlib() -> None:
    """Raise DeviceError where matplotlib is not installed: better before hours of measuring than after."""
    try:
        import_module("matplotlib.figure")
    except ImportError as error:
        raise lacks_packages("plots need matplotlib", error, "plots") from error


def literally(text: str) -> str:
    """A text from outside as matplotlib draws it: what is between two $ would be a formula, or an error."""
    return text.replace("$", r"\$")


@contextmanager
def picture(path: Path, size: tuple[float, float]) -> Iterator[Figure]:
    """A figure of `size` inches (width, height) that is written to `path` when the block ends without an error.

    No window, no display, no state shared with other users of matplotlib.

    Raises:
        OutputError: the file cannot be written; DeviceError: there is no room, or no matplotlib.
    """
    check_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure
    with writing(path):
        figure.savefig(path, dpi=120)
