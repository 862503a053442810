"""The model that ships: a transformers model like any other, small, licensed, and as good as its card says."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.datasets.recordings import Recording, find_recordings
from kwsd.evaluation.clip_report import ClipReport
from kwsd.texts import parse_toml
from kwsd.zoo import ModelCard, read_card

MODEL = Path(__file__).parents[1] / "models" / "hubert-commands"
VERIFIER = MODEL.parent / "moonshine-commands"
THIRD = MODEL.parent / "whisper-commands"
NOTICES = {MODEL: "Useful Sensors", VERIFIER: "Useful Sensors", THIRD: "OpenAI"}
DATA = Path(os.environ.get("KWSD_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
SPOKEN = Path(__file__).parent / "recordings"

WORDS = (
    "backward", "bed", "bird", "cat", "dog", "down", "eight", "five", "follow", "forward", "four", "go", "happy",
    "house", "learn", "left", "marvin", "nine", "no", "off", "on", "one", "right", "seven", "sheila", "six", "stop",
    "three", "tree", "two", "up", "visual", "wow", "yes", "zero",
)  # fmt: skip
COMMANDS = ("yes", "no", "up", "down", "left", "right", "stop", "go")
TEN = (*COMMANDS, "on", "off")
CLIPS_A_COMMAND = 50
NOISES = 150
SPREAD = 400


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return read_card(str(MODEL))


def test_it_is_the_one_that_listens_by_default_and_travels_with_kwsd() -> None:
    from kwsd.config import Config
    from kwsd.zoo import shipped_models

    assert shipped_models()[0].name == Config().model.name == MODEL.name


def test_the_wheel_holds_all_models_with_their_notices_and_the_units() -> None:
    root = MODEL.parents[1]
    project = parse_toml((root / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"] == {
        "models": "kwsd/models",
        "systemd": "kwsd/systemd",
    }
    notices = {file for pattern in project["project"]["license-files"] for file in root.glob(pattern)}
    assert notices == {root / "LICENSE", *MODEL.parent.glob("*/LICENSE*")}
    assert {file.parent for file in notices} == {root, *NOTICES}


def test_its_labels_are_the_words_then_unknown_then_silence(card: ModelCard) -> None:
    verifier, third = (read_card(str(folder)) for folder in (VERIFIER, THIRD))
    named = [each.verifier and each.verifier.model for each in (card, verifier, third)]
    assert named == [VERIFIER.name, THIRD.name, None]
    for shipped in (card, verifier, third):
        assert shipped.labels == (*WORDS, "_unknown_", "_silence_")
        for thresholds in (shipped.thresholds, shipped.firing):
            assert set(thresholds) == set(WORDS)
            assert all(0 < threshold < 1 for threshold in thresholds.values())


def test_the_readme_tells_the_figures_of_the_card(card: ModelCard) -> None:
    readme = " ".join((MODEL.parents[1] / "README.md").read_text().split())
    spelt = {3: "three false alarms", 4: "four", 12: "twelve", 20: "twenty"}
    for talk in ("native", "mixed"):
        figures = card.scores[f"stream_10_db_{talk}_talk"]
        for words, hours in (("ten", figures["hours"]), ("eight", figures["eight_words_hours"])):
            missed, alarms = figures[f"{words}_words_missed"], figures[f"{words}_words_alarms"]
            assert f"| {100 * missed:.0f} %, at {spelt[alarms]} in {hours:.1f} hours" in readme


@pytest.mark.parametrize("folder", NOTICES, ids=lambda folder: folder.name)
def test_it_is_small_and_carries_its_notices(folder: Path) -> None:
    assert read_card(str(folder)).licence == "Apache-2.0 AND MIT"
    (notice,) = (file.read_text() for file in folder.glob("LICENSE-*.txt"))
    assert "MIT License" in notice
    assert NOTICES[folder] in notice
    assert "CC BY 4.0" in (MODEL / "README.md").read_text()
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 10_000_000


@pytest.mark.parametrize("folder", NOTICES, ids=lambda folder: folder.name)
def test_its_graph_is_the_one_that_its_network_gives(folder: Path) -> None:
    from kwsd.exporting.own_graph import drawing

    graph, _ = drawing(folder, quantised=True)
    assert (folder / "graph.onnx").read_bytes() == graph.SerializeToString()


@pytest.mark.parametrize(
    ("folder", "float32", "int8"),
    [(MODEL, 1e-5, 0.15), (VERIFIER, 3e-5, 0.3), (THIRD, 3e-5, 0.3)],
    ids=["hubert", "moonshine", "whisper"],
)
def test_onnx_runtime_scores_as_torch_does(folder: Path, float32: float, int8: float) -> None:
    from kwsd.audio.decoding.files import read_clip
    from kwsd.audio.scale import to_float
    from kwsd.exporting.agreement import compare
    from kwsd.exporting.own_graph import drawing

    spoken = to_float(read_clip(SPOKEN / "commands.flac"))
    heard = read_card(str(folder)).window
    padded = np.concatenate([np.zeros(heard - 16_000, np.float32), spoken])
    windows = np.stack([padded[start : start + heard] for start in range(0, len(spoken) - 16_000, 4800)])
    drawn = [drawing(folder, quantised=quantised)[0].SerializeToString() for quantised in (False, True)]
    found = compare(folder, *drawn, windows)
    assert found.float32 <= float32
    assert found.int8 <= int8
    assert found.same >= 0.93  # of 33 windows, some lie between two words and are nearly a tie


def test_transformers_loads_it_as_one_of_its_own() -> None:
    from transformers import AutoModelForAudioClassification

    import kwsd  # noqa: F401  # makes the Auto classes know it

    model = AutoModelForAudioClassification.from_pretrained(MODEL, local_files_only=True)
    assert type(model).__name__ == "HubertSpotterModel"
    assert [model.config.id2label[place] for place in range(37)] == [*WORDS, "_unknown_", "_silence_"]


def test_the_pipeline_hears_a_word() -> None:
    import soundfile
    from transformers import pipeline

    import kwsd  # noqa: F401

    yes, rate = soundfile.read(SPOKEN / "commands.flac", start=12_000, stop=28_000, dtype="float32")
    spot = pipeline("audio-classification", model=str(MODEL), device="cpu")
    best, *_ = spot({"raw": yes, "sampling_rate": rate}, top_k=2)
    assert best["label"] == "yes"
    assert best["score"] > 0.8


def every(clips: list[Recording], count: int) -> list[Recording]:
    """`count` of them, or all, spread evenly."""
    return [clips[place] for place in np.linspace(0, len(clips) - 1, min(count, len(clips))).round().astype(int)]


@pytest.fixture(scope="module")
def spoken() -> list[Recording]:
    """The clips that training never heard."""
    if not DATA.is_dir():
        pytest.skip(f"no recordings in {DATA}; KWSD_TEST_DATA names another folder")
    from kwsd.evaluation.splits import without_inferred

    return without_inferred(find_recordings(DATA / "speech-commands" / "validation"))


@pytest.fixture(scope="module")
def report(spoken: list[Recording]) -> ClipReport:
    """Fifty clips of each of eight words that training never heard, and noise, most of it never heard either."""
    from kwsd.evaluation.clips import evaluate_clips
    from kwsd.evaluation.selection import kept_back
    from kwsd.zoo import load_classifier

    words = [clip for word in COMMANDS for clip in every([c for c in spoken if c.label == word], CLIPS_A_COMMAND)]
    noise = kept_back(find_recordings(DATA / "noise"), 3, noise=True)
    card = read_card(str(MODEL))
    before = card.heard - card.about
    return evaluate_clips(load_classifier(card, device="cpu"), words, noise=every(noise, NOISES), before=before)


def test_it_hears_the_eight_commands(report: ClipReport, card: ModelCard) -> None:
    heard = [word for word in report.words if word.word in COMMANDS]
    assert [word.clips for word in heard] == [CLIPS_A_COMMAND] * 8
    right = sum(word.correct for word in heard)
    assert right / (CLIPS_A_COMMAND * 8) >= 0.92
    check_claim(card, "eight_words", right, CLIPS_A_COMMAND * 8)


def test_it_tells_words_from_noise(report: ClipReport, card: ModelCard) -> None:
    told = report.word_or_noise
    assert report.noise.clips >= 50
    assert told.accuracy >= 0.97
    check_claim(card, "word_or_noise", told.correct, told.clips)


@pytest.fixture(scope="module")
def spread(spoken: list[Recording]) -> tuple[list[str], NDArray[np.float32]]:
    """Some of all words' clips, as they are judged: labels, and windows (clips, samples), two seconds with the clip in
    the last one."""
    from kwsd.datasets.loading import load
    from kwsd.evaluation.clips import judged

    clips = list(load(every(spoken, SPREAD)))
    return [clip.label for clip, _ in clips], np.stack([judged(samples, before=16_000) for _, samples in clips])


@pytest.mark.parametrize(
    ("folder", "verified", "table"),
    [
        (MODEL, True, "validation"),
        (MODEL, False, "validation_without_verifier"),
        (VERIFIER, False, "validation_without_verifier"),
        (THIRD, False, "validation"),
    ],
    ids=["all", "hubert", "moonshine", "whisper"],
)
def test_its_figures_are_those_of_its_card(
    folder: Path, verified: bool, table: str, spread: tuple[list[str], NDArray[np.float32]]
) -> None:
    from kwsd.evaluation.task import task_of
    from kwsd.zoo import load_classifier

    card = read_card(str(folder))
    card = card if verified else replace(card, verifier=None)
    classifier = load_classifier(card, device="cpu")
    labels, windows = spread[0], spread[1][:, -card.heard :]
    scores = np.concatenate([classifier.score(part) for part in np.array_split(windows, 8)])
    eight = np.array([label in COMMANDS for label in labels])
    for key, words, counted in (
        ("accuracy", None, eight | True),
        ("eight_words", None, eight),
        ("twelve_classes", TEN, eight | True),
    ):
        task = task_of(classifier.labels, words)
        truth = [task.truth(label) for label in labels]
        right = task.merged(scores, classifier.labels).argmax(axis=1) == truth
        check_claim(card, key, int(right[counted].sum()), int(counted.sum()), table)


def check_claim(card: ModelCard, key: str, right: int, clips: int, table: str = "validation") -> None:
    """What the card claims for all clips has to lie where these few say that it may: in their 99.9 % interval."""
    from kwsd.evaluation.statistics import wilson_interval

    low, high = wilson_interval(right, clips, 0.999)
    assert low <= card.scores[table][key] <= high
