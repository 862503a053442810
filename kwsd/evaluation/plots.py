"""Plots of evaluation results, as PNG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kwsd.errors import writing
from kwsd.evaluation.clip_report import ClipReport
from kwsd.evaluation.operating import OperatingPoint
from kwsd.evaluation.report import percent
from kwsd.evaluation.statistics import DetCurve
from kwsd.evaluation.stream_report import StreamReport
from kwsd.pictures import BLUE, GREY, ORANGE, literally, picture

if TYPE_CHECKING:
    from kwsd.pictures import Axes


def plot_clips(report: ClipReport, folder: Path) -> list[Path]:
    """Draw confusion.png and reliability.png in `folder`; returns their paths.

    Raises:
        OutputError: the folder cannot be written to.
        DeviceError: there is no room, or no matplotlib.
    """
    return [
        plot_confusion(report, folder / "confusion.png"),
        plot_reliability(report, folder / "reliability.png"),
    ]


def plot_streams(report: StreamReport, folder: Path) -> list[Path]:
    """Draw det.png, with the gate on and off, and latency.png at the given thresholds; returns their paths.

    Raises OutputError and DeviceError as `plot_clips` does.
    """
    curves = {("gate on" if gate.gated else "gate off"): gate.sweep.curve for gate in report.gates}
    first = report.gates[0]
    model = literally(report.model)
    made = [plot_det(curves, folder / "det.png", title=f"{model}: words in streams", points=first.points)]
    title = f"{model}, gate {'on' if first.gated else 'off'}, thresholds as given"
    return [*made, plot_latency(first.given.latencies_ms(), folder / "latency.png", title=title)]


def plot_confusion(report: ClipReport, path: Path) -> Path:
    """Draw the confusion matrix: a cell's colour is its share of the row's clips, its number their count."""
    counts, names = report.confusion, [*map(literally, report.classes)]
    rows = np.flatnonzero(counts.sum(axis=1))
    shares = counts[rows] / counts[rows].sum(axis=1, keepdims=True)
    side = 3 + 0.32 * len(names)
    with _axes(path, (side + 1, 2.5 + 0.32 * len(rows))) as axes:
        picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.figure.colorbar(picture, ax=axes, label="share of the row's clips")
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(rows)), [names[row] for row in rows])
        for y, x in np.argwhere(counts[rows] > 0):
            colour = "white" if shares[y, x] > 0.5 else "black"
            axes.text(x, y, str(counts[rows][y, x]), ha="center", va="center", fontsize=7, color=colour)
        title = f"{literally(report.model)}: {percent(report.total.accuracy, 2)} right"
        axes.set(xlabel="heard as", ylabel="spoken", title=title)
    return path


def plot_reliability(report: ClipReport, path: Path) -> Path:
    """Draw the accuracy of the predictions in each bin of confidence, and how many there were."""
    bins = report.reliability
    filled = bins.counts > 0
    with _axes(path, (6.0, 5.5)) as axes:
        width = np.diff(bins.edges)
        look: dict[str, Any] = {"color": BLUE, "edgecolor": "white", "alpha": 0.75}
        axes.bar(bins.edges[:-1], np.nan_to_num(bins.accuracy), width, align="edge", **look)
        axes.plot([0, 1], [0, 1], "--", color="black", label="perfectly calibrated")
        axes.plot(bins.confidence[filled], bins.accuracy[filled], "o", color=ORANGE, label="mean of a bin")
        for left, count in zip(bins.edges[:-1][filled], bins.counts[filled], strict=True):
            axes.text(left + width[0] / 2, 0.02, str(count), ha="center", fontsize=7, color="black", rotation=90)
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence", ylabel="accuracy")
        axes.set_title(f"{literally(report.model)}: ECE {bins.ece:.4f}; figures are clips")
        axes.legend(loc="upper left")
    return path


def plot_det(curves: dict[str, DetCurve], path: Path, *, title: str, points: Sequence[OperatingPoint] = ()) -> Path:
    """Draw the miss rate over false alarms an hour, both logarithmic, and 0 at the edge; `points` show intervals."""
    positive = [curve.alarms_per_hour[curve.alarms_per_hour > 0] for curve in curves.values()]
    least = min((float(rates.min()) for rates in positive if len(rates)), default=0.1) / 2
    lowest = 0.001
    with _axes(path, (7.5, 5.5)) as axes:
        looks = ((BLUE, "-"), (ORANGE, "--"), (GREY, ":"))
        for (name, curve), (colour, line) in zip(curves.items(), looks * len(curves), strict=False):
            best = curve.envelope()
            axes.step(
                np.maximum(best.alarms_per_hour, least),
                100 * np.maximum(best.miss_rates, lowest),
                where="post",
                color=colour,
                linestyle=line,
                label=name,
            )
        for name, point in _by_place(points):
            _draw_point(axes, name, point, least, lowest)
        axes.set(xscale="log", yscale="log", ylim=(100 * lowest, 170), title=title)
        axes.set_xlabel("false alarms an hour (0 stands at the left edge)")
        axes.set_ylabel("missed words, % (0 stands at the bottom edge)")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_yticks([0.1, 0.3, 1, 3, 10, 30, 100], ["0.1", "0.3", "1", "3", "10", "30", "100"])
        axes.grid(True, which="both", alpha=0.25)
        axes.legend(loc="upper right")
    return path


def plot_latency(latencies_ms: Sequence[float], path: Path, *, title: str) -> Path:
    """Draw a histogram of the latencies from a word's end to its event."""
    with _axes(path, (7.0, 4.0)) as axes:
        values = np.asarray(latencies_ms, np.float64)
        if len(values):
            low, high = 50 * np.floor(values.min() / 50), 50 * np.ceil(values.max() / 50) + 50
            axes.hist(values, bins=np.arange(low, high + 1, 50).tolist(), color=BLUE)
            for which, line in zip((50, 95, 99), ("-", "--", ":"), strict=True):
                at = float(np.percentile(values, which))
                axes.axvline(at, color=ORANGE, linestyle=line, label=f"p{which}: {at:.0f} ms")
            axes.legend()
        axes.locator_params(axis="y", integer=True)
        axes.set(xlabel="from the word's end to the event, ms", ylabel="words")
        axes.set_title(f"{title}: latency of {len(values)} hits")
    return path


def _by_place(points: Sequence[OperatingPoint]) -> Iterator[tuple[str, OperatingPoint]]:
    """One point for each place, under the names of all points there: in a short stream several budgets coincide."""
    places: dict[tuple[float, float], list[OperatingPoint]] = {}
    for point in points:
        places.setdefault((point.alarms_per_hour, point.miss_rate), []).append(point)
    for same in places.values():
        yield ", ".join("as given" if point.budget is None else f"{point.budget:g}/h" for point in same), same[0]


def _draw_point(axes: Axes, name: str, point: OperatingPoint, least: float, lowest: float) -> None:
    rate, miss = max(point.alarms_per_hour, least), 100 * max(point.miss_rate, lowest)
    spans = [max(edge, least) for edge in point.alarm_interval], [100 * max(e, lowest) for e in point.miss_interval]
    (left, right), (low, high) = spans
    axes.errorbar(
        rate,
        miss,
        xerr=[[max(0.0, rate - left)], [max(0.0, right - rate)]],
        yerr=[[max(0.0, miss - low)], [max(0.0, high - miss)]],
        fmt="o",
        color="black",
        elinewidth=0.8,
        capsize=2,
        markersize=4,
    )
    axes.annotate(name, (rate, miss), textcoords="offset points", xytext=(6, 6), fontsize=8)


@contextmanager
def _axes(path: Path, size: tuple[float, float]) -> Iterator[Axes]:
    """One pair of axes, which are written to `path` once they are drawn; its folder is made."""
    with picture(path, size) as figure:
        yield figure.add_subplot()
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
