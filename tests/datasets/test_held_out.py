"""The split keeps a speaker, and the pieces of one sound, on one side."""

from __future__ import annotations

from kwsd.datasets.held_out import held_out


def test_no_parts_keep_nothing() -> None:
    assert not any(held_out(str(speaker), "clip", 0) for speaker in range(50))


def test_about_one_speaker_in_three_is_kept() -> None:
    kept = sum(held_out(str(speaker), "clip", 3) for speaker in range(900))
    assert 240 < kept < 360


def test_a_speaker_is_on_one_side_with_all_clips() -> None:
    assert len({held_out("0001", f"clip-{number}", 3) for number in range(50)}) == 1


def test_a_reader_of_librispeech_is_on_one_side_with_all_chapters() -> None:
    names = [f"{reader}-{chapter}-0007" for reader in range(100, 130) for chapter in (141231, 1998)]
    assert [held_out("", name, 3) for name in names] == [held_out(name[:3], "", 3) for name in names]
    assert held_out("", "dev-clean/100/1998/100-1998-0001", 3) == held_out("100", "", 3)


def test_pieces_of_one_sound_are_on_one_side() -> None:
    for number in range(50):
        assert held_out("", f"1-{number}-A", 3) == held_out("", f"1-{number}-B", 3)
    assert {held_out("", f"1-{number}-A", 3) for number in range(50)} == {True, False}  # other sounds are other ones


def test_a_name_that_is_no_utf_8_has_its_side_too() -> None:
    assert held_out("", "b\udcff", 1)
