"""What is said in recordings that have no transcript, as a recognizer guesses it.

Run by hand, before training: `python -m kwsd.training.tools.transcripts FOLDER... --out transcripts.tsv`. A call that
was interrupted goes on where it stopped. The recognizer is PocketSphinx (`pip install pocketsphinx`) or, `--recognizer
moonshine`, Moonshine's smallest (MIT), which hears far better: moonshine-voice==0.0.55 brings its weights, later
versions do not. kwsd itself needs neither.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.scale import to_float
from kwsd.datasets.loading import load
from kwsd.datasets.recordings import find_sounds
from kwsd.datasets.transcripts import read_transcripts
from kwsd.samples import RATE
from kwsd.training.tools.alignment import FAST, guess
from kwsd.training.tools.by_hand import distinct, leave_out, parser_of, run

Recognizer = Callable[[NDArray[np.int16]], str]
"""Samples (n,) int16 at 16 kHz to the words that are said."""

_NOTHING = ("", "You")
"""What Moonshine recognises in noise; it is left out."""
_RENEWED = 100
"""Recordings after which Moonshine is loaded anew: it keeps megabytes of each until it is closed."""


def _pocketsphinx() -> Recognizer:
    from pocketsphinx import Decoder

    decoder = Decoder(loglevel="FATAL", **FAST)
    return lambda samples: " ".join(part.word for part in guess(decoder, samples) if part.word)


def _moonshine() -> Recognizer:
    import moonshine_voice as moonshine

    weights = Path(moonshine.__file__).parent / "assets" / "tiny-en"

    def loaded() -> Any:
        return moonshine.Transcriber(str(weights), moonshine.ModelArch.TINY)

    number, transcriber = count(1), loaded()

    def recognize(samples: NDArray[np.int16]) -> str:
        nonlocal transcriber
        lines = transcriber.transcribe_without_streaming(to_float(samples).tolist(), RATE).lines
        if next(number) % _RENEWED == 0:
            transcriber.close()
            transcriber = loaded()
        return " ".join(" ".join(line.text.split()) for line in lines if line.text.strip(" .") not in _NOTHING)

    return recognize


def _end_line(table: Path) -> None:
    """End the last line of the table, which an editor may have left open: the next one would become a part of it."""
    if not table.read_bytes().endswith((b"\n", b"\r")):
        with table.open("ab") as file:
            file.write(b"\n")


def main() -> None:
    """Append the guesses to the file, one line for each recording."""
    parser = parser_of("transcripts", __doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="recordings, in folders or packed with an index.tsv")
    parser.add_argument("--out", type=Path, required=True, help="the table that lines are added to: name, tab, text")
    parser.add_argument(
        "--recognizer",
        choices=("pocketsphinx", "moonshine"),
        default="pocketsphinx",
        help="who guesses [default: %(default)s]",
    )
    arguments = parser.parse_args()
    done = read_transcripts(arguments.out) if arguments.out.exists() else {}
    found = [clip for folder in arguments.folders for clip in find_sounds(folder)]
    distinct([clip.name for clip in found])
    silent = [clip for clip in found if not clip.label.strip() and clip.name not in done]
    if not silent:
        print(f"nothing to guess: all {len(found)} recordings have a transcript", file=sys.stderr)
        return
    if done:
        _end_line(arguments.out)
    recognize = _moonshine() if arguments.recognizer == "moonshine" else _pocketsphinx()
    for number, (recording, samples) in enumerate(load(silent, leave_out), start=1):
        with arguments.out.open("a", encoding="utf-8") as file:
            file.write(f"{recording.name}\t{recognize(samples)}\n")
        if number % 50 == 0 or number == len(silent):
            print(f"{number} of {len(silent)} recordings", file=sys.stderr, flush=True)


if __name__ == "__main__":
    run(main)
