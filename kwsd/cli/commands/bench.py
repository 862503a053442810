"""`kwsd bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kwsd.cli.flags import configured
from kwsd.cli.measuring import EAR, check_finite
from kwsd.cli.publishing import Json, check_places


@configured(*EAR)
def bench(
    overrides: dict[str, Any],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            readable=False,
            help="A recording of speech [default: those of kwsd's tests, from a checkout's root].",
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(metavar="SECONDS", min=2, help="How much of each kind of sound.")] = 20,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Also play the recording to a daemon at the speed of speech.")
    ] = False,
    virtual_microphone: Annotated[
        bool,
        typer.Option("--virtual-microphone", help="As --realtime, and once more through PulseAudio and PortAudio."),
    ] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also measure the model on torch, in the same run, and the ratios.")
    ] = False,
    json: Json = None,
) -> None:
    """Measure what listening costs on this machine.

      kwsd bench                     a table
      kwsd bench talk.wav --realtime --json bench.json
      kwsd bench --virtual-microphone
      kwsd bench --compare           ONNX Runtime and torch side by side

    In this process, on the daemon's path, hop by hop: processor seconds for a second of
    running speech, of half speech and half silence, of silence and of steady noise (and,
    without FILE, of words alone, if the model knows any of them); wall time and
    allocations for each hop; how much faster than real time a recording is heard; the
    model's loading time.

    Then the windows that are scored in a second where many are due at once, how many
    streams that makes, and on torch (a GPU, or --compare) their share of what the
    device's matrix units or memory allow.

    In a separate daemon: the time to READY and its memory; with --realtime also its
    processor time, threads and pipe included, and the time from a word's end to its
    event. A TSV beside the recording, of the same name (start_s, end_s, word), says where
    the words end. The whole recording is played, and as much silence; one shorter than
    20 s is played three times, each a third of --coarse later.

    --virtual-microphone starts a PulseAudio server of its own (yours is left alone),
    plays the recording into its null sink, and has a second daemon listen to that through
    PortAudio. Memory and processor time are those of both its processes, not of the sound
    server. The latency starts when the server mixes a word's end, by its own clock, so it
    includes the server's block, the buffers of ALSA and PortAudio, and the daemon's work.
    It needs pulseaudio, pulseaudio-utils and libasound2-plugins.

    Absolute figures hold for this machine and this moment: compare ratios of one run.
    """
    from kwsd.cli import benching

    check_finite(seconds=seconds)
    check_places(json)
    benching.bench(
        overrides, file, seconds, realtime=realtime, virtual_microphone=virtual_microphone, compare=compare, json=json
    )
