"""The forms of a hook."""

from __future__ import annotations

from typing import Any

import pytest

from kwsd.config import command_line, parse_hook_flags, unread_sign
from kwsd.config.hooklines import parse_hooks
from kwsd.errors import ConfigError, UsageError

PAUSE = ("playerctl", "pause")


@pytest.mark.parametrize(
    ("value", "hooks"),
    [
        ("playerctl pause", (PAUSE,)),
        (["playerctl", "pause"], (PAUSE,)),
        ({"shell": "echo $KWSD_WORD | cat"}, (("/bin/sh", "-c", "echo $KWSD_WORD | cat"),)),
        (["playerctl pause", {"shell": "ls"}], (PAUSE, ("/bin/sh", "-c", "ls"))),
        ([["playerctl", "pause"], ["ls"]], (PAUSE, ("ls",))),
        ("say 'two words' $HOME; rm", (("say", "two words", "$HOME;", "rm"),)),
    ],
)
def test_forms(value: Any, hooks: Any) -> None:
    assert parse_hooks(value, "hooks.words.stop") == hooks


@pytest.mark.parametrize(
    "value", ["", "  ", [], [""], ["", "x"], {"shell": " "}, {"shell": 1}, {"sh": "ls"}, 5, [5], [[]], True, "a\0b"]
)
def test_what_is_not_a_hook_is_refused_by_its_key(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"hooks\.words\.stop"):
        parse_hooks(value, "hooks.words.stop")


def test_an_open_quotation_is_named() -> None:
    with pytest.raises(ConfigError, match="no closing quotation"):
        parse_hooks("echo 'x", "hooks.words.stop")


def test_flags_gather_a_words_commands() -> None:
    given = parse_hook_flags(["stop=playerctl pause", "go=ls", "stop=env A=B ls"], ["stop=a | b"])
    assert given == {"stop": (PAUSE, ("env", "A=B", "ls"), ("/bin/sh", "-c", "a | b")), "go": (("ls",),)}


@pytest.mark.parametrize("line", ["stop", "=ls", "stop=", "stop= "])
def test_a_flag_without_word_or_command_is_refused(line: str) -> None:
    """By the form that a flag has: a list or a table is none there."""
    with pytest.raises(UsageError, match=r"--hook-shell .*: expected WORD=COMMAND, for example"):
        parse_hook_flags([], [line])
    with pytest.raises(UsageError, match=r"--hook .*: expected WORD=COMMAND, for example"):
        parse_hook_flags([line])


@pytest.mark.parametrize(
    ("line", "sign"),
    [
        ("true && ls", "&&"),
        ("ls | wc -l", "|"),
        ("sleep 9 &", "&"),
        ("a; b", "a;"),
        ("say a; ls", "a;"),
        ("say a ; ls", ";"),
        ("say yes > /tmp/heard", ">"),
        ("say yes >>/tmp/heard", ">>/tmp/heard"),
        ("say yes 2>&1", "2>&1"),
        ("play ~/ding.wav", "~/ding.wav"),
        ("play $HOME/ding.wav", "$HOME/ding.wav"),
        ("notify-send 'heard $KWSD_WORD at ${KWSD_AT_S}'", "heard $KWSD_WORD at ${KWSD_AT_S}"),
        ("say $(date)", "$(date)"),
        ("say `date`", "`date`"),
    ],
)
def test_what_only_a_shell_would_read(line: str, sign: str) -> None:
    ((argv,),) = parse_hook_flags([f"stop={line}"]).values()
    assert unread_sign(argv) == sign
    ((argv,),) = parse_hook_flags([], [f"stop={line}"]).values()
    assert unread_sign(argv) == ""


@pytest.mark.parametrize(
    "line",
    [
        "playerctl pause",
        "pactl set-sink-volume @DEFAULT_SINK@ +5%",
        "notify-send '<b>yes</b> & no; $5'",
        "awk '{print $1}'",
        "perl -e 'print $ENV{KWSD_WORD};'",
        "bash -c 'echo $KWSD_WORD' && x",
        "/usr/bin/find /tmp -name x -exec rm {} ;",
        "ssh lamp on && off",
        "timeout 5 sh -c 'echo $KWSD_WORD >> heard'",
        "nice /bin/zsh -c 'echo $KWSD_WORD'",
        "awk '{print};' heard",
        "psql -c commit;",
        "curl -d a=b&c=d http://lamp/?a=1&b=2",
    ],
)
def test_what_a_program_may_want_so(line: str) -> None:
    ((argv,),) = parse_hook_flags([f"stop={line}"]).values()
    assert unread_sign(argv) == ""


def test_shown_as_a_person_would_type_it() -> None:
    assert command_line(("say", "two words")) == "say 'two words'"
    assert command_line(("/bin/sh", "-c", "a | b")) == "a | b"
    assert command_line(("/bin/sh", "-c", "echo $0", "x")) == "/bin/sh -c 'echo $0' x"
