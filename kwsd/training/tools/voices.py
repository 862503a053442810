"""Synthetic speakers for words that have few recordings, by Kokoro (Apache-2.0) through `kokoro-onnx`.

Run by hand, before training: `python -m kwsd.training.tools.voices MODEL.onnx VOICES_FOLDER OUT --count on=400`. What
sounds like a word and is none goes to another label: `--count _unknown_/want=3`. It needs `pip install kokoro-onnx`;
kwsd itself does not. VOICES_FOLDER holds Kokoro's English voices, one float32 file each.
A clip's speaker is a blend of two voices, at a pace of its own; the same call writes the same clips, and one that was
interrupted goes on where it stopped.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.errors import InputError, UsageError
from kwsd.samples import RATE
from kwsd.training.tools.by_hand import parser_of, run
from kwsd.training.tools.flac import write_flac

_RATE = 24_000
_STYLE = 4 * 256
"""Bytes of a voice for each length of a phrase."""
_ENDINGS = (".", ".", "!", "?", ",")


def read_voices(folder: Path, *, accents: bool) -> dict[str, NDArray[np.float32]]:
    """American and British voices by name, or with `accents` all, each (510, 1, 256) float32: a style by phrase length.

    Raises InputError for fewer than two, or a file that is no voice.
    """
    files = sorted(path for path in folder.glob("*.bin") if accents or path.stem[0] in "ab")
    if len(files) < 2:
        raise InputError(f"{folder}: a clip's speaker is made of two voices, and there are {len(files)} (*.bin)")
    strange = next((path for path in files if not path.is_file() or path.stat().st_size % _STYLE), None)
    if strange is not None:
        raise InputError(f"{strange}: not one of Kokoro's voices (float32, 256 numbers for each length); remove it")
    return {path.stem: np.fromfile(path, np.float32).reshape(-1, 1, 256) for path in files}


def synthesize(kokoro: Any, voices: dict[str, NDArray[np.float32]], word: str, seed: int) -> tuple[str, Any]:
    """One utterance of `word`: its speaker's name, and float32 samples at 24 kHz."""
    rng = np.random.default_rng([seed, *word.encode()])
    first, second = rng.choice(sorted(voices), 2, replace=False)
    share = rng.uniform(0.5, 1.0)
    style = share * voices[first] + (1 - share) * voices[second]
    language = "en-gb" if first[0] == "b" else "en-us"
    text = word.capitalize() + str(rng.choice(_ENDINGS))
    pace = float(rng.uniform(0.7, 1.35))
    samples, _ = kokoro.create(text, voice=style.astype(np.float32), speed=pace, lang=language, trim=False)
    return f"{first}+{second}", samples


def _asked(request: str) -> tuple[str, str, int]:
    """LABEL/WORD=N or WORD=N as a label ("" for the word's own), the word and the number. Raises UsageError."""
    named, _, count = request.rpartition("=")
    label, _, word = named.rpartition("/")
    if not word or not count.isdecimal():
        raise UsageError(f"--count {request}: it must be WORD=N or LABEL/WORD=N")
    return label, word, int(count)


def main() -> None:
    """Write OUT/word/SEED_SPEAKER.flac for every word that was asked for, or OUT/label/word-SEED_SPEAKER.flac."""
    parser = parser_of("voices", __doc__)
    parser.add_argument("model", type=Path, help="Kokoro's ONNX model")
    parser.add_argument("voices", type=Path, help="the folder of its voices, NAME.bin each")
    parser.add_argument("out", type=Path, help="clips are written to a folder for each label in this one")
    parser.add_argument(
        "--count", nargs="+", required=True, metavar="[LABEL/]WORD=N",
        help="say WORD N times, as its own label or as LABEL",
    )  # fmt: skip
    parser.add_argument("--accents", action="store_true", help="voices of other languages, too, not English ones alone")
    arguments = parser.parse_args()
    import soxr
    from kokoro_onnx import Kokoro

    wanted = [_asked(request) for request in arguments.count]
    if not arguments.model.is_file():
        raise InputError(f"{arguments.model}: no such file; name Kokoro's ONNX model")
    voices = read_voices(arguments.voices, accents=arguments.accents)
    with tempfile.NamedTemporaryFile(suffix=".npz") as packed:
        np.savez(packed, **voices)  # type: ignore[arg-type]  # the stub mistakes the names for allow_pickle
        packed.flush()
        kokoro = Kokoro(str(arguments.model), packed.name)
    for label, word, count in wanted:
        folder, prefix = arguments.out / (label or word), f"{word}-" if label else ""
        for seed in range(count):
            if any(folder.glob(f"{prefix}{seed:04d}_*.flac")):
                continue
            speaker, samples = synthesize(kokoro, voices, word, seed)
            if not np.isfinite(samples).all():  # half precision overflows for some styles: that clip is left out
                continue
            clip = soxr.resample(np.asarray(samples, np.float32), _RATE, RATE)
            write_flac(folder / f"{prefix}{seed:04d}_{speaker}.flac", np.clip(clip, -1, 1))
        print(label or word, word, count, file=sys.stderr, flush=True)


if __name__ == "__main__":
    run(main)
