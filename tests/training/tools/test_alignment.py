"""Words are cut out of sentences: where a decoder says that they lie, alone, with the sentence's own quiet around."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from kwsd.datasets.held_out import held_out
from kwsd.errors import UsageError
from kwsd.samples import RATE
from kwsd.training.tools.alignment import Part, align, alone, cut, guess, homophones, likely, main

SAYS = {"no": ["N OW"], "know": ["N OW"], "now": ["N AW"], "a": ["AH", "EY"], "on": ["AA N", "AO N"], "awn": ["AO N"]}


@dataclass
class Entry:
    """As PocketSphinx tells a part of an utterance: in frames of 10 ms, the last one included."""

    word: str
    start_frame: int
    end_frame: int


class Decoder:
    """Hears what it is told to hear, and keeps what it was asked to align."""

    def __init__(self, *heard: Entry) -> None:
        self.heard, self.text, self.samples = heard, "", 0

    def lookup_word(self, word: str) -> str | None:
        name, _, number = word.partition("(")
        said = SAYS.get(name, [])
        place = int(number[:-1]) - 1 if number else 0
        return said[place] if place < len(said) else None

    def set_align_text(self, text: str) -> None:
        self.text = text

    def start_utt(self) -> None:
        self.samples = 0

    def process_raw(self, data: bytes, full_utt: bool) -> None:
        assert full_utt
        self.samples = len(data) // 2

    def end_utt(self) -> None:
        """Nothing is left to do."""

    def seg(self) -> tuple[Entry, ...]:
        return self.heard


SENTENCES = ("Know now, on!", "now know", "")

HEARD = Entry("<sil>", 0, 19), Entry("now", 20, 49), Entry("a(2)", 50, 54), Entry("<sil>", 55, 99)


def test_the_words_of_a_sentence_lie_where_the_decoder_says() -> None:
    decoder = Decoder(*HEARD)
    parts = align(decoder, np.zeros(RATE, np.int16), "NOW, a?")
    assert decoder.text == "now a"
    assert decoder.samples == RATE
    assert parts == [Part("", 0, 3200), Part("now", 3200, 8000), Part("a", 8000, 8800), Part("", 8800, 16000)]


@pytest.mark.parametrize("transcript", ["", "now zyzzyva", "now now a"])
def test_nothing_comes_of_a_sentence_that_is_not_what_is_said(transcript: str) -> None:
    assert align(Decoder(*HEARD), np.zeros(RATE, np.int16), transcript) == []


def test_without_a_transcript_the_decoder_is_believed() -> None:
    decoder = Decoder(*HEARD[:-1], Entry("x-ray(2)", 55, 99))
    assert [part.word for part in guess(decoder, np.zeros(RATE, np.int16))] == ["", "now", "a", "x ray"]


def test_a_word_stands_alone_in_the_middle_of_a_second() -> None:
    sentence = np.full(2 * RATE, 5000, np.int16)
    sentence[: RATE // 2] = 7  # the pause
    window = alone(sentence, Part("now", RATE, RATE + 4800), sentence[: RATE // 2])
    assert window.shape == (RATE,)
    assert window.dtype == np.int16
    loud = np.flatnonzero(window > 4000)
    assert abs((loud[0] + loud[-1]) / 2 - RATE / 2) < 2
    assert 4800 <= len(loud) <= 4800 + 2 * RATE // 50
    assert (window[: loud[0] - RATE // 100] == 7).all()  # the sentence's own quiet, not zeros
    assert np.abs(np.diff(window.astype(int))).max() < 100  # faded, not cut


@pytest.mark.parametrize("start", [0, 2 * RATE - 4800])
def test_a_word_at_an_edge_of_its_sentence_is_whole(start: int) -> None:
    sentence = np.full(2 * RATE, 5000, np.int16)
    window = alone(sentence, Part("now", start, start + 4800), sentence[:0])
    assert 4800 <= np.count_nonzero(window) <= 4800 + RATE // 50


def test_the_quietest_pause_stands_around_each_word_and_clicks_are_left_out() -> None:
    sentence = np.full(3 * RATE, 5000, np.int16)
    sentence[:4000], sentence[13_000:13_100], sentence[20_000:24_000] = 900, 5, 30
    parts = [
        Part("", 0, 4000),
        Part("now", 4000, 12_000),
        Part("a", 12_000, 13_000),  # 62 ms
        Part("", 13_000, 13_100),  # the quietest of all, and too short
        Part("", 20_000, 24_000),
        Part("on", 24_000, 24_000 + RATE),  # a whole second
    ]
    (found,) = cut(sentence, parts)
    assert found[0] == "now"
    assert found[1][0] == 30


def test_what_sounds_like_a_word_is_known() -> None:
    assert homophones(Decoder(), {"know", "now", "no", "awn", "unheard"}, {"no", "on"}) == {"know", "awn"}
    assert homophones(Decoder(), {"know", "no"}, set()) == frozenset()


def test_the_tool_writes_each_word_to_its_label_and_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "said", tmp_path / "out"
    folder.mkdir()
    soundfile.write(folder / "all.wav", np.zeros(4 * RATE, np.int16), RATE)
    head = "file\tclip\tlabel\tspeaker\tstart\tlength\n"
    rows = [f"all.wav\tc{number}\t{text}\tann\t{number * RATE}\t{RATE}" for number, text in enumerate(SENTENCES)]
    (folder / "index.tsv").write_text(head + "\n".join(rows) + "\n")
    heard = [Entry("<sil>", 0, 19), Entry("know", 20, 39), Entry("now", 40, 59), Entry("on(2)", 60, 79)]
    made: list[dict[str, object]] = []

    def decoder(**options: object) -> Decoder:
        made.append(options)
        return Decoder(*heard)

    monkeypatch.setitem(sys.modules, "pocketsphinx", SimpleNamespace(Decoder=decoder))
    monkeypatch.setattr(sys, "argv", ["x", str(folder), str(out), "--words", "on", "no", "--held-out", "0"])
    main()
    assert ["lm" in options for options in made] == [True, False]  # the second guesses, where there is no transcript
    written = sorted(str(path.relative_to(out)) for path in out.glob("*/*"))
    assert written == [
        "_unknown_/ann_nohash_c0-1-now.flac",  # "know" is said as "no" is
        "_unknown_/ann_nohash_c1-1-now.flac",  # it cannot be aligned: a guess, and the transcript has it
        "_unknown_/ann_nohash_c2-1-now.flac",  # a guess is no "on"
        "on/ann_nohash_c0-2-on.flac",
    ]
    (out / written[0]).unlink()
    (out / "done.txt").write_text("ann_nohash_c1\nann_nohash_c2\n")  # as if killed within the first recording
    (out / written[2]).unlink()
    main()
    assert sorted(str(path.relative_to(out)) for path in out.glob("*/*")) == [written[0], written[1], written[3]]

    monkeypatch.setattr(sys, "argv", [*sys.argv[:-1], "1"])  # all are held out
    capsys.readouterr()
    main()
    assert "done.txt has all recordings of" in capsys.readouterr().err
    (out / "done.txt").unlink()
    main()
    told = "--held-out 1 leaves out the speakers of all 3 recordings to do; --held-out 0 leaves out nobody\n"
    assert capsys.readouterr().err == told
    monkeypatch.setattr(sys, "argv", [*sys.argv[:-1], "0"])

    (tmp_path / "said.tsv").write_text("c0\tnothing\nc2\tKnow now, on!\n", encoding="utf-8")
    told = tmp_path / "told"
    monkeypatch.setattr(sys, "argv", [*sys.argv[:2], str(told), *sys.argv[3:], "--transcripts", f"{tmp_path}/said.tsv"])
    main()
    assert sorted(str(path.relative_to(told)) for path in told.glob("*/*")) == [
        *written[:3],  # a recording's own label comes first
        written[3],
        "on/ann_nohash_c2-2-on.flac",
    ]


def test_clips_of_an_index_with_paths_lie_in_their_labels_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder below it, nothing would find them."""
    soundfile.write(tmp_path / "all.wav", np.zeros(RATE, np.int16), RATE)
    row = f"all.wav\tchapter/c0\tNow a\tpeople/ann\t0\t{RATE}\n"
    (tmp_path / "index.tsv").write_text(f"file\tclip\tlabel\tspeaker\tstart\tlength\n{row}")
    monkeypatch.setitem(sys.modules, "pocketsphinx", SimpleNamespace(Decoder=lambda **_: Decoder(*HEARD)))
    monkeypatch.setattr(sys, "argv", ["x", f"{tmp_path}", f"{tmp_path}/out", "--words", "now", "--held-out", "0"])
    main()
    written = [path.relative_to(tmp_path / "out") for path in tmp_path.rglob("*.flac")]
    assert written == [Path("now/people-ann_nohash_chapter-c0-0-now.flac")]


def test_it_takes_the_held_out_speakers_alone_for_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "all.wav", np.zeros(2 * RATE, np.int16), RATE)
    speakers = next(
        (ours, theirs)
        for ours, theirs in permutations(("ann", "bob", "cat", "dan", "eve"), 2)
        if held_out(ours, "", 3) < held_out(theirs, "", 3)
    )
    rows = [f"all.wav\tc{at}\tnow a\t{speaker}\t{at * RATE}\t{RATE}\n" for at, speaker in enumerate(speakers)]
    (tmp_path / "index.tsv").write_text("file\tclip\tlabel\tspeaker\tstart\tlength\n" + "".join(rows))
    monkeypatch.setitem(sys.modules, "pocketsphinx", SimpleNamespace(Decoder=lambda **_: Decoder(*HEARD)))
    call = ["x", str(tmp_path), str(tmp_path / "out"), "--words", "now", "--measure"]
    monkeypatch.setattr(sys, "argv", call)
    main()
    written = [path.name for path in tmp_path.rglob("*.flac")]
    assert written == [f"{speakers[1]}_nohash_c1-0-now.flac"]

    monkeypatch.setattr(sys, "argv", [*call, "--held-out", "0"])
    capsys.readouterr()
    main()
    assert capsys.readouterr().err.startswith("--held-out 0 leaves out none of the speakers to do; take the recipe's")


@pytest.mark.parametrize("more", [[], ["--measure"]])
def test_who_is_left_out_is_not_still_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    """Whoever took another --held-out then would hear in training whom it is measured by."""
    speakers = ("ann", "bob", "cat", "dan", "eve")
    assert {held_out(speaker, "", 3) for speaker in speakers} == {True, False}
    soundfile.write(tmp_path / "all.wav", np.zeros(len(speakers) * RATE, np.int16), RATE)
    rows = [f"all.wav\tc{at}\tnow a\t{speaker}\t{at * RATE}\t{RATE}\n" for at, speaker in enumerate(speakers)]
    (tmp_path / "index.tsv").write_text("file\tclip\tlabel\tspeaker\tstart\tlength\n" + "".join(rows))
    monkeypatch.setitem(sys.modules, "pocketsphinx", SimpleNamespace(Decoder=lambda **_: Decoder(*HEARD)))
    monkeypatch.setattr(sys, "argv", ["x", str(tmp_path), str(tmp_path / "out"), "--words", "now", *more])
    main()
    capsys.readouterr()
    main()
    assert ".txt has all recordings of" in capsys.readouterr().err
    other = [] if more else ["--measure"]
    monkeypatch.setattr(sys, "argv", ["x", str(tmp_path), str(tmp_path / "out"), "--words", "now", *other])
    with pytest.raises(UsageError, match=r"has clips of the speakers to .*; take another OUT"):
        main()


def test_what_is_guessed_may_not_contradict_what_is_said() -> None:
    pause, now, no, done = Part("", 0, 10), Part("now", 10, 20), Part("no", 20, 30), Part("done", 30, 40)
    parts, words = [pause, now, no, done], ["no", "on"]
    assert likely(parts, frozenset(), words) == [pause, now, done]
    assert likely(parts, frozenset({"now", "know"}), words) == [pause, now]
    assert likely(parts, frozenset({"no", "now"}), words) == []  # what is taken for "now" may be the "no"
