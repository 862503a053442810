"""What is said, as words, and from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from kwsd.datasets.transcripts import beside, check_names, read_transcripts, says, sentence, tokens
from kwsd.errors import InputError


def test_tokens_of_a_sentence():
    assert tokens("WE CALL IT BEAR") == {"we", "call", "it", "bear"}
    assert tokens("the dog's tail, on-line; don't 3 times") == {"the", "dog", "tail", "on", "line", "don't", "times"}
    assert tokens("") == set()
    assert sentence("Don\u2019t, gru\u0308n") == ("don't", "gr\u00fcn")  # as others write them


def test_a_phrase_is_said_where_its_words_follow_each_other() -> None:
    spoken = sentence("Please turn on the light; on your turn")
    for phrase in ("turn_on", "turn on", "Turn-On", "light", "on your turn"):
        assert says(spoken, sentence(phrase)), phrase
    for phrase in ("turn off", "the turn", "turn", "on", ""):
        assert says(("turn", "the", "light", "on"), sentence(phrase)) == (phrase in ("turn", "on")), phrase


def test_a_file_of_transcripts_is_read(tmp_path: Path) -> None:
    (tmp_path / "said.tsv").write_text("a\tI know\nb\t\n", encoding="utf-8")
    assert read_transcripts(tmp_path / "said.tsv") == {"a": "I know", "b": ""}


def test_two_guesses_of_a_clip_are_read_together(tmp_path: Path) -> None:
    (tmp_path / "said.tsv").write_text("a\tI know\nb\tyes\na\tno\n", encoding="utf-8")
    assert read_transcripts(tmp_path / "said.tsv") == {"a": "I know no", "b": "yes"}


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "said.tsv").write_text("a\tI know\nb I do not\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2"):
        read_transcripts(tmp_path / "said.tsv")


def test_blank_lines_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "said.tsv").write_text("\na\tyes\n \n\t\nb\t\n\n", encoding="utf-8")
    assert read_transcripts(tmp_path / "said.tsv") == {"a": "yes", "b": ""}


def test_a_file_that_is_no_text_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "said.tsv").write_bytes(b"a\tyes\nb\t\xff\n")
    with pytest.raises(InputError, match=r"\(not UTF-8, in line 2\)"):
        read_transcripts(tmp_path / "said.tsv")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"said\.tsv \(No such file or directory\): name a table"):
        read_transcripts(tmp_path / "said.tsv")


def test_tables_with_a_heading_and_names_with_a_suffix(tmp_path: Path) -> None:
    (tmp_path / "validated.tsv").write_text(
        "client_id\tpath\tsentence\tage\n1\tcv_1.mp3\tHold on\t\n", encoding="utf-8"
    )
    assert read_transcripts(tmp_path / "validated.tsv") == {"cv_1": "Hold on"}
    (tmp_path / "said.tsv").write_text("a.WAV\tyes\n", encoding="utf-8")
    assert read_transcripts(tmp_path / "said.tsv") == {"a": "yes"}
    (tmp_path / "19-198.trans.txt").write_text("19-198-0000 NORTHANGER ABBEY\n", encoding="utf-8")
    assert read_transcripts(tmp_path / "19-198.trans.txt") == {"19-198-0000": "NORTHANGER ABBEY"}


def test_a_folder_may_hold_the_transcripts_of_several_chapters(tmp_path: Path) -> None:
    for chapter in ("19-198", "19-227"):
        (tmp_path / f"{chapter}.trans.txt").write_text(f"{chapter}-0000 CHAPTER {chapter}\n", encoding="utf-8")
    assert beside(tmp_path) == {f"{chapter}-0000": f"CHAPTER {chapter}" for chapter in ("19-198", "19-227")}


def test_names_of_another_corpus_are_refused_some_are_noted() -> None:
    said = {"a": "yes", "b": "no"}
    assert check_names(said, ["a", "b", "c"]) == ()
    assert check_names(said, ["a"]) == ("1 of 2 names in the transcripts are recordings'",)
    assert check_names({}, ["a"]) == ()
    with pytest.raises(InputError, match=r"none of the names .* the first is 'a'"):
        check_names(said, ["c"])


def test_what_is_no_end_of_a_line_stands_in_a_text(tmp_path: Path) -> None:
    path = tmp_path / "said.tsv"
    path.write_bytes("a\tone\u2028two\x0c\r\nb\tthree\rc\tfour".encode())
    assert read_transcripts(path) == {"a": "one\u2028two", "b": "three", "c": "four"}
