"""What is said in recordings that have no transcript, as PocketSphinx guesses it, and which words are said in which.

Run by hand, before training: `python -m kwsd.training.transcripts FOLDER... --out transcripts.tsv`. A call that was
interrupted goes on where it stopped. It needs `pip install pocketsphinx`; kwsd itself does not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.recordings import find_recordings, load
from kwsd.audio.transcripts import read_transcripts, tokens
from kwsd.training.alignment import FAST, guess
from kwsd.training.corpus import Corpus


def said(
    speech: Corpus, words: Sequence[str], guessed: Mapping[str, str], homophones: Mapping[str, str]
) -> NDArray[np.bool_]:
    """(clips, words): whether the word is said in the clip, or one that `homophones` takes for it.

    By `guessed`, clips' names to text, or else by its transcript (the corpus's label).
    """
    column = {word: number for number, word in enumerate(words)}
    found = np.zeros((len(speech), len(words)), bool)
    for row, (label, name) in enumerate(zip(speech.labels.tolist(), speech.names.tolist(), strict=True)):
        for token in tokens(guessed.get(name, label)):
            word = homophones.get(token, token)
            if word in column:
                found[row, column[word]] = True
    return found


def main() -> None:
    """Append what is guessed to the file, a line a recording."""
    from pocketsphinx import Decoder

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    done = read_transcripts(arguments.out) if arguments.out.exists() else {}
    found = [clip for folder in arguments.folders for clip in find_recordings(folder)]
    silent = [clip for clip in found if not clip.label.strip() and clip.name not in done]
    decoder = Decoder(loglevel="FATAL", **FAST)
    for number, (recording, samples) in enumerate(load(silent), start=1):
        text = " ".join(part.word for part in guess(decoder, samples) if part.word)
        with arguments.out.open("a", encoding="utf-8") as file:
            file.write(f"{recording.name}\t{text}\n")
        if number % 50 == 0 or number == len(silent):
            print(f"{number} of {len(silent)} recordings", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
