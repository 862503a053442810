"""Labelled clips that a table names, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from divided import by_split

from kwsd.datasets.layouts import Clip, table
from kwsd.errors import InputError
from kwsd.evaluation.output_files import save_wav
from kwsd.training.finetuning.labelled import find_labelled


@pytest.mark.parametrize(("tab", "head"), [(",", "file,label,split"), ("\t", "label\tfile\tsplit")])
def test_tables(tmp_path: Path, tab: str, head: str) -> None:
    rows = [("a.wav", "yes", "train"), ("b/c.wav", "no", "Training"), ("d.wav", "no", "dev"), ("e.wav", "yes", "test")]
    lines = [tab.join((row[1], row[0], row[2]) if head.startswith("label") else row) for row in rows]
    (tmp_path / "clips.csv").write_text("\n".join([head, *lines]) + "\n")
    found = find_labelled(tmp_path / "clips.csv")
    assert found.clips[1] == Clip(tmp_path / "b" / "c.wav", "no", "train")
    assert by_split(found) == {"train": {"a.wav", "c.wav"}, "validation": {"d.wav"}, "test": {"e.wav"}}


def test_noise_in_a_table_is_silence(tmp_path: Path) -> None:
    lines = [
        "file,label,split",
        "a.wav,yes,train",
        "b.wav,no,train",
        "c.wav,_background_noise_,",
        "d.wav,_silence_,train",
    ]
    (tmp_path / "clips.csv").write_text("\n".join(lines) + "\n")
    for words in ([], ["yes", "no"]):
        found = find_labelled(tmp_path / "clips.csv", words)
        assert found.labels == ("no", "yes", "_silence_")
        assert found.noise == (tmp_path / "c.wav",)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["file,label", "a.wav,yes", "a.wav,no"], "line 3: a.wav is listed twice, with different labels"),
        (["file,label,split", "a.wav,yes,train", "a.wav,yes,test"], "line 3: a.wav is listed twice"),
        (["file,label,split", "a.wav,yes,train", "./b/../a.wav,yes,test"], "line 3: ./b/../a.wav is listed twice"),
        (["file,clip,label,speaker,start,length", "a.wav,x,yes,,0,16000"], "kwsd train a file for each clip"),
    ],
)
def test_tables_that_contradict_themselves(tmp_path: Path, lines: list[str], told: str) -> None:
    (tmp_path / "clips.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=told):
        find_labelled(tmp_path / "clips.csv")


def test_a_clip_that_is_named_twice_counts_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "t.csv").write_text("file,label\na.wav,yes\nb.wav,yes\n./a.wav,yes\n")
    clips, _ = table(tmp_path / "t.csv")
    assert [clip.path.name for clip in clips] == ["a.wav", "b.wav"]
    assert caplog.messages == [f"{tmp_path / 't.csv'}: 1 line left out, as lines above name the same files"]


def test_between_tabs_a_quote_is_a_quote(tmp_path: Path) -> None:
    rows = ["file\tlabel\ttext", 'a.wav\tyes\t"Yes, he said', "b.wav\tno\tno", 'c.wav\tno\tx"', "d.wav\tyes\tyes"]
    (tmp_path / "clips.tsv").write_text("\n".join(rows) + "\n")
    clips, _ = table(tmp_path / "clips.tsv")
    assert [clip.path.name for clip in clips] == ["a.wav", "b.wav", "c.wav", "d.wav"]
    rows = ['"file"\t"label"\t"split"', '"say ""a"".wav"\t"yes"\t"train"', 'b.wav\t"no"\ttest']
    (tmp_path / "quoted.tsv").write_text("\n".join(rows) + "\n")
    clips, _ = table(tmp_path / "quoted.tsv")
    assert [(clip.path.name, clip.label, clip.split) for clip in clips] == [
        ('say "a".wav', "yes", "train"),
        ("b.wav", "no", "test"),
    ]


ENDLESS = ['a,yes,"', *["b.wav,no,x"] * 13_000]


@pytest.mark.parametrize("rows", [['a.wav,yes,"Yes, he said'], ['a.wav,yes,"Yes" he said'], ENDLESS])
def test_a_quote_that_does_not_end_is_told(tmp_path: Path, rows: list[str]) -> None:
    (tmp_path / "clips.csv").write_text("\n".join(["file,label,text", *rows]) + "\n")
    with pytest.raises(InputError, match=r"clips\.csv, line \d+: no table"):
        table(tmp_path / "clips.csv")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("clip,word\na.wav,yes\n", "first line must name"),
        ("", "first line must name"),
        ("", "it is empty"),
        ("hello there\n", "first line must name .* it has 'hello there'"),
        ("file,label\n\n", r"no clips below its first line; write a line for each"),
        ("file,label\na\0.wav,yes\n", r"line 2: contains a NUL character; save the table again"),
        ("file,label\na.wav,yes\n", "yes; at least two are needed: lines with another label"),
        ("file,label\na.wav,\n", "line 2: no file or no label"),
        ("file,label\nb.wav,yes\n\n\na.wav,\n", "line 5: no file or no label"),
        ("file,label,split\na.wav,yes,some\n", "line 2: split is 'some'"),
        (f"file\tlabel\t{'x' * 200_000}\n", "line 1: no table .field larger"),
    ],
)
def test_what_is_wrong_with_a_table(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "clips.csv").write_text(text)
    with pytest.raises(InputError, match=told):
        find_labelled(tmp_path / "clips.csv")


def test_a_recording_is_no_table(tmp_path: Path) -> None:
    save_wav(tmp_path / "a.wav", np.ones(16_000, np.int16))
    with pytest.raises(InputError, match=r"a\.wav: a recording, not a table; name a CSV in UTF-8 .* or a folder"):
        find_labelled(tmp_path / "a.wav")
