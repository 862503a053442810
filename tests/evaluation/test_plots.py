from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest
from patience import PATIENCE_S

from kwsd.errors import DeviceError, OutputError
from kwsd.evaluation import plots
from kwsd.evaluation.clips import report_of
from kwsd.evaluation.operating import OperatingPoint
from kwsd.evaluation.scoring import Matched, Outcome
from kwsd.evaluation.statistics import DetCurve
from kwsd.evaluation.streams import evaluate_streams
from kwsd.evaluation.task import task_of
from kwsd.evaluation.truth import SpokenWord, Stream
from kwsd.events import Detection
from kwsd.labels import SILENCE, UNKNOWN
from kwsd.samples import RATE
from kwsd.spotting.settings import SpottingSettings
from kwsd.spotting.trigger import TriggerSettings

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def clips():
    task = task_of(("yes", "no", UNKNOWN, SILENCE), None)
    scores = np.random.default_rng(1).dirichlet(np.ones(4), 80)
    return report_of("m", task, scores.argmax(axis=1) * (np.arange(80) % 5 > 0), scores)


def test_pictures_of_clips(clips, tmp_path):
    made = plots.plot_clips(clips, tmp_path / "new" / "folder")
    assert [path.name for path in made] == ["confusion.png", "reliability.png"]
    assert all(path.read_bytes().startswith(PNG) for path in made)


def test_names_with_dollars_are_drawn_as_they_are(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    task = task_of((r"$\foo$", "US$ or A$", UNKNOWN, SILENCE), None)
    report = report_of(r"$\m$", task, np.arange(4), np.eye(4))
    assert len(plots.plot_clips(report, tmp_path)) == 2
    made: dict[str, Figure] = {}
    monkeypatch.setattr(plots, "picture", lambda path, _: nullcontext(made.setdefault(path.name, Figure())))
    plots.plot_clips(report, tmp_path)
    assert made["confusion.png"].axes[0].get_xticklabels()[1].get_text() == r"US\$ or A\$"  # as matplotlib takes it


def test_pictures_of_streams(tones, say, tmp_path):
    samples = np.concatenate([np.zeros(RATE, np.int16), say("low"), np.zeros(RATE, np.int16)])
    stream = Stream("s", samples, (SpokenWord(20800, 27200, "low"),))
    trigger = TriggerSettings({"low": 0.9, "high": 0.9}, smoothing=2)
    report = evaluate_streams([stream], tones, SpottingSettings(trigger, coarse=0))
    made = plots.plot_streams(report, tmp_path)
    assert [path.name for path in made] == ["det.png", "latency.png"]
    assert all(path.read_bytes().startswith(PNG) for path in made)


def test_a_picture_of_latencies_tells_of_what_they_are(tones, say, tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    made: dict[str, Figure] = {}
    monkeypatch.setattr(plots, "picture", lambda path, _: nullcontext(made.setdefault(path.name, Figure())))
    stream = Stream("s", np.concatenate([np.zeros(RATE, np.int16), say("low")]), (SpokenWord(20800, 27200, "low"),))
    report = evaluate_streams([stream], tones, SpottingSettings(TriggerSettings({"low": 0.9}), coarse=0))
    plots.plot_streams(report, tmp_path)
    assert made["latency.png"].axes[0].get_title() == "tones, gate on, thresholds as given: latency of 1 hits"


def test_words_are_counted_in_whole_numbers(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    made = Figure()
    monkeypatch.setattr(plots, "picture", lambda *_: nullcontext(made))
    plots.plot_latency([-20.0, 60.0, 70.0], tmp_path / "latency.png", title="")
    assert all(float(tick).is_integer() for tick in made.axes[0].get_yticks())


def test_points_at_one_place_are_named_side_by_side(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    made = Figure()
    monkeypatch.setattr(plots, "picture", lambda *_: nullcontext(made))
    missed = Outcome(SpokenWord(0, 100, "a"), None)
    alarm = Detection("s", "a", 0.9, 0.5, 0, 100, 100, "m")
    quiet, loud = Matched((missed,), (), ()), Matched((missed,), (), (alarm,))
    points = [OperatingPoint(budget, 0.0, {}, 1.0, (quiet,)) for budget in (None, 0.1, 0.5)]
    points.append(OperatingPoint(1.0, 0.0, {}, 1.0, (loud,)))
    plots.plot_det(
        {"gate on": DetCurve(np.zeros(1), np.ones(1), np.ones(1))}, tmp_path / "d.png", title="", points=points
    )
    assert [text.get_text() for text in made.axes[0].texts] == ["as given, 0.1/h, 0.5/h", "1/h"]


def test_pictures_of_nothing(tmp_path):
    empty = DetCurve(np.zeros(1), np.ones(1), np.zeros(1))
    assert plots.plot_det({"none": empty}, tmp_path / "det.png", title="none").stat().st_size > 1000
    assert plots.plot_latency([], tmp_path / "latency.png", title="none").stat().st_size > 1000


def test_without_matplotlib_the_remedy_is_told(clips, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(DeviceError, match="pip install"):
        plots.plot_clips(clips, tmp_path)


def test_a_folder_that_cannot_be_written(clips, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        plots.plot_clips(clips, tmp_path / "file")


def test_nothing_heavy_at_import():
    modules = ("plots", "negatives", "thresholds", "clips", "stream_builder", "streams")
    code = "import sys\n" + "".join(f"import kwsd.evaluation.{name}\n" for name in modules)
    code += "print(sorted({'matplotlib', 'torch', 'soundfile', 'scipy', 'webrtcvad'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    assert done.stdout.strip() == "[]"
