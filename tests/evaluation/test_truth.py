from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kwsd.audio.decoding.files import read_clip
from kwsd.errors import InputError, OutputError
from kwsd.evaluation.output_files import save_wav
from kwsd.evaluation.truth import SpokenWord, Stream, parse_table, read_stream, write_stream


def test_a_stream_survives_writing_and_reading(tmp_path, babble):
    words = (SpokenWord(1601, 9007, "yes", "clip-1"), SpokenWord(12000, 15999, "no"))
    stream = Stream("s", babble(1, 1.0), words)
    table = write_stream(stream, tmp_path / "deep" / "s.wav")
    assert table.read_text().splitlines()[0].split("\t")[:3] == ["start_s", "end_s", "word"]
    back = read_stream(tmp_path / "deep" / "s.wav", table)
    assert back.words == words
    assert np.array_equal(back.samples, stream.samples)
    assert back.seconds == 1.0
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["s.tsv", "s.wav"]


def test_a_stream_that_lies_there_stays_and_the_same_is_not_written_twice(tmp_path, babble):
    first = Stream("s", babble(1, 1.0), (SpokenWord(1601, 9007, "yes"),))
    others = [Stream("s", babble(2, 1.0), first.words), Stream("s", first.samples, (SpokenWord(1601, 9007, "no"),))]
    tables = [write_stream(stream, tmp_path / "s.wav") for stream in (first, *others, first)]
    assert [table.name for table in tables] == ["s.tsv", "s-2.tsv", "s-3.tsv", "s.tsv"]
    for stream, table in zip([first, *others], tables, strict=False):
        back = read_stream(table.with_suffix(".wav"), table)
        assert back.words == stream.words
        assert np.array_equal(back.samples, stream.samples)


def test_a_table_can_carry_the_name_of_any_clip(tmp_path, babble):
    stream = Stream("s", babble(1, 1.0), (SpokenWord(0, 8000, "yes", "b\udcff\t1\n2"),))
    assert [word.clip for word in parse_table(write_stream(stream, tmp_path / "s.wav"))] == ["b\ufffd 1 2"]


def test_a_table_that_cannot_be_written_is_told(tmp_path, babble):
    (tmp_path / "s.tsv").mkdir()
    with pytest.raises(OutputError, match=r"s\.tsv: cannot be written"):
        write_stream(Stream("s", babble(1, 0.1), ()), tmp_path / "s.wav")


@pytest.mark.parametrize("heading", ["start_s\tend_s\tword", "\nStart_s\tEnd_s\tWord\tClip", ""])
def test_a_heading_may_be_there_in_any_case(tmp_path, heading):
    (tmp_path / "x.tsv").write_text(f"{heading}\n1\t2\tyes\n")
    assert parse_table(tmp_path / "x.tsv") == (SpokenWord(16_000, 32_000, "yes"),)


def test_a_table_without_heading_in_any_order(tmp_path):
    table = tmp_path / "t.tsv"
    table.write_text("2.0\t2.5\tno\n\n0.5\t1.0\tyes\n")
    assert parse_table(table) == (SpokenWord(8000, 16000, "yes"), SpokenWord(32000, 40000, "no"))


def test_labels_of_audacity_with_frequencies_are_read(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("1.0\t1.5\tyes\n\\\t900.0\t4000.0\n2\t3\tno\n\\\t-1\t-1\n")
    assert [word.word for word in parse_table(tmp_path / "t.txt")] == ["yes", "no"]


def test_a_word_that_is_there_twice_counts_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "t.tsv").write_text("1.0\t1.5\tyes\n1\t1.50\tyes\n1\t1.5\tno\n")
    assert [word.word for word in parse_table(tmp_path / "t.tsv")] == ["no", "yes"]
    (line,) = caplog.messages
    assert line.endswith("t.tsv, line 2: left out, as a line above has the same word at the same time")


def test_lines_of_spaces_alone_are_empty(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("1\t2\tyes\n \t \n\t\t\n")
    assert parse_table(tmp_path / "t.tsv") == (SpokenWord(16_000, 32_000, "yes"),)


def test_words_in_another_case_are_those_of_the_model(babble: Any) -> None:
    stream = Stream("s", babble(1, 1.0), (SpokenWord(0, 8_000, "YES", "a"), SpokenWord(8_000, 9_000, "maybe")))
    assert [each.word for each in stream.spelt(["yes", "no"]).words] == ["yes", "maybe"]


def test_the_suffix_of_a_stream_may_be_in_capitals(tmp_path: Path, babble: Any) -> None:
    assert write_stream(Stream("s", babble(1, 0.1), ()), tmp_path / "S.WAV").name == "S.tsv"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("1.0\tyes", "not start_s, end_s and word"),
        ("start_s\tend_s\tword", "not start_s, end_s and word"),
        ("a\t2\tyes", "not start_s, end_s and word"),
        ("2.0\t1.0\tyes", r"a word cannot last from 2\.0 s to 1\.0 s; it must start at 0 s or later, and end"),
        ("1.0\t1.0\tyes", r"a word cannot last from 1\.0 s to 1\.0 s"),
        ("-1\t1\tyes", "a word cannot last from -1 s to 1 s"),
        ("0\tnan\tyes", "a word cannot last from 0 s to nan s"),
        ("0\t1e9\tyes", r"a word cannot last from 0 s to 1e9 s; .* before 1e\+09 s"),
        ("0\t1\t", "the word is missing; write it after start_s and end_s"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, what):
    table = tmp_path / "t.tsv"
    table.write_text("start_s\tend_s\tword\n0\t1\tno\n" + line + "\n")
    with pytest.raises(InputError, match=f"line 3: {what}"):
        parse_table(table)


def test_a_missing_table_and_one_that_is_no_text(tmp_path):
    with pytest.raises(InputError, match=r"none\.tsv: cannot be read \(No such file or directory\): name a table"):
        parse_table(tmp_path / "none.tsv")
    (tmp_path / "b.tsv").write_bytes(b"0\t1\tyes\n\xff\xfe\x00\x81")
    with pytest.raises(InputError, match=r"cannot be read \(not UTF-8, in line 2\)"):
        parse_table(tmp_path / "b.tsv")


def test_words_beyond_the_audio_are_refused(tmp_path, babble):
    save_wav(tmp_path / "a.wav", babble(1, 1.0))
    (tmp_path / "a.tsv").write_text("5.0\t5.5\tyes\n")
    with pytest.raises(InputError, match=r"'yes' ends at 5\.5 s"):
        read_stream(tmp_path / "a.wav", tmp_path / "a.tsv")


def test_a_word_may_end_a_tenth_of_a_second_after_the_audio_and_no_later(tmp_path: Path, babble: Any) -> None:
    save_wav(tmp_path / "a.wav", babble(1, 1.0))
    (tmp_path / "a.tsv").write_text("0.5\t1.1\tyes\n")
    assert read_stream(tmp_path / "a.wav", tmp_path / "a.tsv").words == (SpokenWord(8_000, 17_600, "yes"),)
    (tmp_path / "a.tsv").write_text("0.5\t1.11\tyes\n")
    with pytest.raises(InputError, match=r"'yes' ends at 1\.11 s"):
        read_stream(tmp_path / "a.wav", tmp_path / "a.tsv")


def test_what_cannot_be_written_is_told(tmp_path, babble):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save_wav(tmp_path / "file" / "a.wav", babble(1, 0.1))
    with pytest.raises(InputError, match=r"\.wav"):
        write_stream(Stream("s", babble(1, 0.1), ()), tmp_path / "a.flac")


def test_wav_samples_are_exact(tmp_path):
    samples = np.array([-32768, -1, 0, 1, 32767], np.int16)
    save_wav(tmp_path / "a.wav", samples)
    assert np.array_equal(read_clip(tmp_path / "a.wav"), samples)
