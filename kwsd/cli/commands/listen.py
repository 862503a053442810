"""`kwsd listen`."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kwsd.cli import stderr
from kwsd.cli.early_signals import end_at_once
from kwsd.cli.fetching import pull_if_missing
from kwsd.cli.flags import ConfigFile, configured
from kwsd.config import Config, LoadedConfig, MetricsConfig, doubt_of, load_config, rereading
from kwsd.daemon.signals import Held
from kwsd.errors import InputError, UsageError

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from kwsd.audio.source import Source
    from kwsd.audio.wake_schedule import WakeSchedule

_IN_ONE = {
    "hooks.words": "put quotes around a command with spaces: --hook 'stop=echo paused'",
    "trigger.words": "separate words by commas, without spaces: --words yes,no",
    "model.labels": "put quotes around labels with spaces: --labels 'a dog barking, a doorbell'",
}
"""By option, the remedy for a value whose parts were given as several arguments."""


@configured()
def listen(
    overrides: dict[str, Any],
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="A recording, or - for raw samples on standard input (S16_LE, 16 kHz, mono); else a microphone.",
        ),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Listen, print the words that are heard, and run the commands bound to them.

      kwsd listen                                   the default microphone
      kwsd listen --microphone usb --words yes,no   no other words may fire
      kwsd listen --hook 'stop=playerctl pause' --hook 'go=playerctl play'
      kwsd listen --model MIT/ast-finetuned-speech-commands-v2
      kwsd listen --model laion/clap-htsat-unfused --labels 'dog barking, bell'
      kwsd listen talk.flac --format json >heard    any format that libsndfile has
      arecord -f S16_LE -r 16000 -t raw | kwsd listen -

    A hook gets the detection as JSON on standard input and as KWSD_WORD, KWSD_SCORE
    and so on in its environment. It runs without a shell; --hook-shell runs one.

    All options can also be set in the configuration file; `kwsd config` shows which
    values are in force. SIGHUP makes a daemon at a microphone read the file again. The
    end of a recording or pipe ends kwsd with 0, as SIGTERM does; Ctrl-C ends it with 130.
    """
    if source == "":
        raise UsageError("SOURCE is empty;", "name a recording, - for standard input, or leave it out for a microphone")
    if source is not None and "audio.device" in overrides:
        raise UsageError(f"--microphone and SOURCE ({source!r}) exclude each other;", "leave one of them out")
    if source is None and overrides.get("audio.realtime"):
        raise UsageError("--realtime is for recordings and pipes, and no SOURCE is given;", "name one, or leave it out")
    _await_reloads(microphone=source is None)
    loaded = load_config(config, overrides)
    chosen = loaded.config
    stderr.log_from(chosen.output.log_level, chosen.output.log_format)
    if source is not None and chosen.metrics.listen and overrides.get("metrics.listen") is None:
        chosen = replace(chosen, metrics=MetricsConfig())
        log.info(
            "metrics are not served: for a file or a pipe, give --metrics; %s sets their address only for a microphone",
            loaded.path,
        )
    _doubt_file(loaded)
    from kwsd.audio.wake_schedule import WakeSchedule

    _doubt(source, overrides)
    schedule = WakeSchedule(chosen.model.hop)
    heard = _source(source, chosen, schedule)
    from kwsd.daemon.supervisor import run

    _expect_interrupts()
    pull_if_missing(chosen.model.name)

    def read_again() -> LoadedConfig:
        again = load_config(config, overrides)
        _doubt_file(again)
        return again

    reload = rereading(loaded.path, read_again) if source is None else None
    raise typer.Exit(run(chosen, heard, reload=reload, schedule=schedule))


def _doubt_file(loaded: LoadedConfig) -> None:
    """Warn of a configuration that others may change: its hooks run as this user."""
    if doubt := doubt_of(loaded.path):
        log.warning("%s: %s", *doubt)


def _doubt(source: str | None, overrides: Mapping[str, Any]) -> None:
    """Raise InputError for a missing recording that may be the rest of a flag's value."""
    if source in (None, "-") or os.path.lexists(source):
        return
    remedy = next((remedy for key, remedy in _IN_ONE.items() if key in overrides), "")
    if remedy:
        raise InputError(f"{source}: there is no such recording;", f"check its name, or {remedy}")


def _await_reloads(*, microphone: bool) -> None:
    """Handle a SIGHUP that was held, now that the source is known.

    At a microphone it asks for the configuration, which is about to be read anyway, so it is dropped. A recording or a
    pipe is ended by it."""
    held = signal.getsignal(signal.SIGHUP)
    if not isinstance(held, Held):
        return
    if microphone:
        held.came = False
        return
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if held.came:
        signal.raise_signal(signal.SIGHUP)


def _expect_interrupts() -> None:
    """Have Ctrl-C raise KeyboardInterrupt again, now that all is imported: from here on there is something to end."""
    if signal.getsignal(signal.SIGINT) is end_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _source(name: str | None, chosen: Config, schedule: WakeSchedule) -> Source:
    """The source that the command line names; a microphone or a pipe delivers audio as `schedule` says.

    Raises InputError or DeviceError.
    """
    realtime = chosen.audio.realtime
    if name is None:
        from kwsd.audio.capture.microphone import Microphone

        def import_daemon() -> None:
            import kwsd.daemon.supervisor  # noqa: F401  # with numpy, which takes about as long

        return Microphone(
            chosen.audio.device or None,
            silence_s=chosen.audio.silence_s,
            schedule=schedule,
            meanwhile=import_daemon,
        )
    if name == "-":
        from kwsd.audio.decoding.pcm import PcmSource

        if sys.stdin is None:
            raise InputError("standard input is closed: pipe raw samples to it, or name a recording")
        return PcmSource(sys.stdin.buffer, realtime=realtime, schedule=schedule)
    from kwsd.audio.decoding.files import FileSource, check_recording

    check_recording(Path(name))  # raises at once, not after the model has been loaded
    return FileSource(Path(name), realtime=realtime)
