"""`kwsd doctor` names the cards whose gain is automatic, as amixer tells it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from kwsd.cli.diagnosis.findings import Finding
from kwsd.cli.diagnosis.gain_control import look_at_gain_control
from kwsd.config import Config

AMIXER = """#!/bin/sh
[ "$1 $3 $4" = "-c sget Auto Gain Control" ] || exit 2
case $2 in
0) echo "amixer: Unable to find simple control 'Auto Gain Control',0" >&2; exit 1;;
1) state=off;;
*) state=on;;
esac
echo "Simple mixer control 'Auto Gain Control',0"
echo "  Capabilities: pswitch pswitch-joined"
echo "  Playback channels: Mono"
echo "  Mono: Playback [$state]"
"""
"""It prints what the real one prints of USB microphones."""


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place where the kernel lists cards, of which there are none yet."""
    folder = tmp_path / "asound"
    folder.mkdir()
    monkeypatch.setattr("kwsd.cli.diagnosis.gain_control._CARDS", folder)
    return folder


@pytest.fixture
def amixer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name."""
    program = tmp_path / "bin" / "amixer"
    program.parent.mkdir()
    program.write_text(AMIXER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return program


def plug(cards: Path, number: int, name: str = "") -> None:
    (cards / f"card{number}").mkdir()
    if name:
        (cards / f"card{number}" / "id").write_text(f"{name}\n")


def look() -> list[Finding]:
    return list(look_at_gain_control(Config()))


@pytest.mark.usefixtures("amixer")
def test_each_card_that_has_it_on_is_named_with_the_remedy(cards: Path) -> None:
    for number, name in ((0, "PCH"), (1, "Off"), (2, "Webcam"), (10, "")):
        plug(cards, number, name)
    (cards / "cards").write_text("not a card\n")
    webcam, nameless = look()
    assert webcam.state == "warn"
    assert "card 2, Webcam" in webcam.found
    assert shlex.split(webcam.remedy) == ["amixer", "-c", "2", "sset", "Auto Gain Control", "off"]
    assert "card 10, name unknown" in nameless.found


@pytest.mark.usefixtures("amixer")
def test_where_none_has_it_on_all_is_well(cards: Path) -> None:
    plug(cards, 0, "PCH")
    plug(cards, 1, "Off")
    (finding,) = look()
    assert (finding.state, finding.remedy) == ("ok", "")


def test_without_cards_nothing_is_asked(cards: Path, amixer: Path) -> None:
    amixer.write_text("#!/bin/sh\necho '[on]'\n")
    assert not list(cards.iterdir())
    assert [finding.state for finding in look()] == ["ok"]


def test_without_amixer_that_is_said(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plug(cards, 2, "Webcam")
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = look()
    assert finding.state == "ok"
    assert "apt install alsa-utils" in finding.found


@pytest.mark.parametrize("script", ["#!/bin/sh\nexec sleep 1000\n", "#!/nowhere\n"])
def test_a_mixer_that_hangs_or_does_not_run_holds_nobody_up(
    cards: Path, amixer: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    plug(cards, 2, "Webcam")
    amixer.write_text(script)
    monkeypatch.setattr("kwsd.cli.diagnosis.asking._PATIENCE_S", 0.2)
    assert [finding.state for finding in look()] == ["ok"]
