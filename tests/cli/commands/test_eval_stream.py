"""`kwsd eval stream`: streams that are built, kept and heard again, and thresholds that are chosen on them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from json_files import read

from kwsd.cards.card_writing import write_card
from kwsd.config import load_config

Command = Callable[..., Any]

CHEAP = ("--device", "cpu", "--hop", "500")


@pytest.fixture
def speech(clips: Path, tmp_path: Path) -> Path:
    """Sentences: the dogs, as "the dog"."""
    folder = tmp_path / "speech" / "the dog"
    folder.mkdir(parents=True)
    for clip in (clips / "dog").iterdir():
        (folder / clip.name).write_bytes(clip.read_bytes())
    return folder.parent


def test_a_stream_is_built_kept_and_heard_again(
    kwsd: Command, tiny_model: Path, clips: Path, speech: Path, tmp_path: Path
) -> None:
    built, again = tmp_path / "built.json", tmp_path / "again.json"
    parts = ("--words", clips, "--speech", speech, "--noise", speech, "--count", 4, "--save", tmp_path)
    ran = kwsd("eval", "stream", *parts, "--model", tiny_model, *CHEAP, "--json", built, "--plots", tmp_path / "plots")
    assert ran.status == 0, ran.err
    assert "Points" in ran.out
    assert read(built)["words"] == 4
    audio = tmp_path / "10-dB-0.wav"
    heard = ("eval", "stream", audio, audio.with_suffix(".tsv"), "--model", tiny_model, *CHEAP)
    ran = kwsd(*heard, "--json", again, "--choose", 1)
    assert ran.status == 0, ran.err
    assert "chosen for 1 an hour" in ran.out
    lines = ran.out.splitlines()
    (tmp_path / "config.toml").write_text("\n".join(lines[lines.index("[trigger.thresholds]") :]))
    chosen = read(again)["chosen"]["thresholds"]
    assert load_config(tmp_path / "config.toml", {}).config.trigger.thresholds == {
        word: pytest.approx(value, abs=1e-6) for word, value in chosen.items() if value is not None
    }
    built_misses, again_misses = (read(path)["gates"][0]["at_given_thresholds"]["misses"] for path in (built, again))
    assert built_misses == again_misses
    assert (tmp_path / "plots" / "det.png").stat().st_size > 1000


def test_a_stream_of_clips_whose_names_are_not_utf8(
    kwsd: Command, tiny_model: Path, clips: Path, speech: Path, tmp_path: Path
) -> None:
    (tmp_path / "words" / "yes").mkdir(parents=True)
    (tmp_path / "words" / "yes" / "b\udcff.wav").write_bytes((clips / "yes" / "0.wav").read_bytes())
    parts = ("--words", tmp_path / "words", "--speech", speech, "--count", 1, "--save", tmp_path / "saved")
    ran = kwsd("eval", "stream", *parts, "--model", tiny_model, *CHEAP)
    assert ran.status == 0, ran.err
    assert "b\ufffd" in (tmp_path / "saved" / "no-noise-0.tsv").read_text(encoding="utf-8")


def test_late_answers_that_the_budget_does_not_count_are_told_apart() -> None:
    from kwsd.cli.commands.eval_stream import as_configuration
    from kwsd.evaluation.operating import OperatingPoint
    from kwsd.evaluation.scoring import score_events
    from kwsd.evaluation.thresholds import Choice
    from kwsd.evaluation.truth import SpokenWord
    from kwsd.events import Detection
    from kwsd.samples import RATE

    def told(*fired_s: float, budget: float = 0.5) -> str:
        events = [Detection("s", "yes", 0.9, 0.5, 0, 1, at=round(at * RATE), model="m") for at in fired_s]
        scored = score_events(events, [SpokenWord(RATE, 2 * RATE, "yes")])
        choice = Choice(budget, OperatingPoint(budget, 0.0, {"yes": 0.5}, 2.0, (scored,)))
        return "\n".join(line for line in as_configuration(choice) if line.startswith("#"))

    assert told(2.7, 9.0) == "# false alarms: 1, and 1 detected late, in 2 hours; missed: 100%"
    assert told(2.4, 9.0) == "# false alarms: 1, in 2 hours; missed: 0%"
    assert "allow none at all in it; use 10 hours or more" in told(2.4, budget=0.1)
    assert "too short" not in told(2.4, budget=0.0)  # who asks for none asks for none


def test_thresholds_for_a_few_of_the_words_are_told_to_be_for_these_alone(
    kwsd: Command, tiny_model: Path, clips: Path, speech: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "tiny"))
    measure = ("eval", "stream", "--words", clips, "--speech", speech, "--count", 2, "--choose", 1, "--model", model)
    assert "in [trigger]" not in kwsd(*measure, *CHEAP, "--labels", "yes").out  # its scores are its probabilities
    write_card(model, {"substitution": 0.05})
    assert '# words = ["yes"] in [trigger]\n[trigger.thresholds]\nyes' in kwsd(*measure, *CHEAP, "--labels", "yes").out
    assert "in [trigger]" not in kwsd(*measure, *CHEAP).out


def test_hours_that_no_stream_can_have_are_refused(kwsd: Command, clips: Path) -> None:
    ran = kwsd("eval", "stream", "--words", clips, "--speech", clips, "--hours", "1e308")
    assert ran.status == 2
    assert "--hours is 1e+308, which at 300 words an hour takes more than 1,000,000 words; take fewer" in ran.err


def test_what_was_chosen_is_told_though_no_picture_can_be_drawn(
    kwsd: Command, tiny_model: Path, clips: Path, speech: Path, tmp_path: Path
) -> None:
    (tmp_path / "plots" / "det.png").mkdir(parents=True)
    parts = ("--words", clips, "--speech", speech, "--count", 2, "--choose", 1, "--plots", tmp_path / "plots")
    ran = kwsd("eval", "stream", *parts, "--model", tiny_model, *CHEAP)
    assert ran.status == 73
    assert "[trigger.thresholds]" in ran.out


@pytest.mark.parametrize("damaged", [b"no audio", b"RIFF\x00\x00\x00\x00WAVE"])
def test_a_stream_is_built_of_what_can_be_read(
    damaged: bytes, kwsd: Command, tiny_model: Path, clips: Path, speech: Path, tmp_path: Path
) -> None:
    shutil.copytree(clips, tmp_path / "words")
    (tmp_path / "words" / "yes" / "broken.wav").write_bytes(damaged)
    parts = ("--words", tmp_path / "words", "--speech", speech, "--count", 12, "--json", tmp_path / "out.json")
    ran = kwsd("eval", "stream", *parts, "--model", tiny_model, *CHEAP)
    assert ran.status == 66
    found = read(tmp_path / "out.json")
    assert found["words"] > 0
    assert ["broken.wav" in reason for reason in found["unreadable"]] == [True]
    assert "left out: " in ran.out
    assert ran.err.splitlines()[-1].startswith("kwsd: error: 1 file left out; ")
