"""Words cut out of sentences with PocketSphinx (BSD), each alone in a second.

Run by hand, before training: `python -m kwsd.training.tools.alignment FOLDER OUT --words on off ... --held-out 3`.
FOLDER holds recordings whose label is what is said, or `--transcripts FILE` says it (see
`kwsd.training.tools.transcripts`). There the words are aligned: one that was asked for goes to OUT/word, any other to
OUT/_unknown_. Those are real people saying "want", "now" and "done", which in slow speech stand alone as commands do.
Where neither tells, or the words cannot be aligned, PocketSphinx guesses; of that, only what is no word that was asked
for, and does not contradict the transcript, is kept, and nothing where the transcript has such a word. Left out are
what sounds like one of the words ("know", "write"), and the speakers that a recipe with that `held_out` measures on;
`--measure` takes those alone, for `kwsd eval clips OUT`. It needs `pip install pocketsphinx`; kwsd itself does not. A
call that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.datasets.held_out import held_out
from kwsd.datasets.loading import load
from kwsd.datasets.recordings import Recording, find_sounds
from kwsd.datasets.transcripts import read_transcripts, tokens
from kwsd.errors import UsageError
from kwsd.labels import UNKNOWN
from kwsd.samples import RATE
from kwsd.shown import several
from kwsd.texts import lines_of
from kwsd.training.tools.by_hand import distinct, leave_out, parser_of, run
from kwsd.training.tools.flac import write_flac

Samples = NDArray[np.int16]

_FRAME = RATE // 100
_FADE = RATE // 100
_MARGIN = RATE // 50
_SHORTEST, _LONGEST = RATE // 8, RATE * 9 // 10
FAST = {"ds": 2, "maxhmmpf": 3000, "maxwpf": 10}
"""Settings of PocketSphinx's search: three times as fast, and still good enough to find where words begin and end."""

_PAUSE = RATE // 8
"""The fewest samples of a pause whose sound can surround a word."""


@dataclass(frozen=True, slots=True)
class Part:
    """A word of a sentence, or a pause (an empty word): its samples [start, stop)."""

    word: str
    start: int
    stop: int


def align(decoder: Any, samples: Samples, transcript: str) -> list[Part]:
    """The positions of the words of `transcript` in `samples` (n,) int16; [] where they cannot be aligned.

    That is so if a word is not in PocketSphinx's dictionary, or if the transcript does not match the sound.
    """
    words = re.findall(r"[a-z]+(?:'[a-z]+)*", transcript.lower())
    if not words or any(decoder.lookup_word(word) is None for word in words):
        return []
    decoder.set_align_text(" ".join(words))
    found = guess(decoder, samples)
    return found if [part.word for part in found if part.word] == words else []


def guess(decoder: Any, samples: Samples) -> list[Part]:
    """The words and pauses that the decoder recognises in `samples` (n,) int16, with their positions."""
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()
    return [
        Part(_spelling(entry.word), entry.start_frame * _FRAME, (entry.end_frame + 1) * _FRAME)
        for entry in decoder.seg() or ()
    ]


def _spelling(entry: str) -> str:
    """A dictionary's entry without the number of its pronunciation; empty for `<sil>` and its like."""
    return "" if entry[0] in "<[" else entry.partition("(")[0].replace("-", " ")


def alone(samples: Samples, part: Part, pause: Samples) -> Samples:
    """A second (16000,) with the word in its middle and the sentence's own `pause` around it, joined by short fades."""
    room = np.resize(np.concatenate([pause, pause[::-1]]), RATE) if len(pause) else np.zeros(RATE, np.int16)
    start, stop = max(0, part.start - _MARGIN), min(len(samples), part.stop + _MARGIN)
    mask = np.ones(stop - start, np.float32)
    mask[:_FADE] = np.linspace(0, 1, _FADE, dtype=np.float32)
    mask[-_FADE:] = mask[:_FADE][::-1]
    first = (RATE - len(mask)) // 2
    window = room.astype(np.float32)
    window[first : first + len(mask)] *= 1 - mask
    window[first : first + len(mask)] += mask * samples[start:stop]
    return np.rint(window).astype(np.int16)


def cut(samples: Samples, parts: list[Part]) -> Iterator[tuple[str, Samples]]:
    """Every word of 0.125 to 0.9 s with its window: shorter ones are clicks, longer ones do not fit a second."""
    pauses = [samples[part.start : part.stop] for part in parts if not part.word]
    quietest = min(
        (pause for pause in pauses if len(pause) >= _PAUSE),
        key=lambda pause: float(np.square(pause.astype(np.float32)).mean()),
        default=samples[:0],
    )
    for part in parts:
        if part.word and _SHORTEST <= part.stop - part.start <= _LONGEST:
            yield part.word, alone(samples, part, quietest)


def likely(guessed: list[Part], said: frozenset[str], words: Collection[str]) -> list[Part]:
    """The pauses, and the guessed words that are not in `words` and are in `said`, if that is known (not empty).

    If one of `words` is said, nothing is kept: it may have been mistaken for any other word.
    """
    if said & frozenset(words):
        return []
    return [part for part in guessed if not part.word or (part.word not in words and (not said or part.word in said))]


def homophones(decoder: Any, spoken: Collection[str], words: Collection[str]) -> frozenset[str]:
    """The words of `spoken` that are not in `words`, but share a pronunciation with one of them."""
    targets = {said for word in words for said in _pronunciations(decoder, word)}
    return frozenset(word for word in spoken if word not in words and targets & set(_pronunciations(decoder, word)))


def _pronunciations(decoder: Any, word: str) -> Iterator[str]:
    number, entry = 1, word
    while (said := decoder.lookup_word(entry)) is not None:
        yield said
        number += 1
        entry = f"{word}({number})"


def _journal(out: Path, *, measure: bool) -> Path:
    """The list of the recordings that are finished; one that a kill cut short is done again.

    Raises UsageError for a folder with clips of the other speakers: training would hear those that it is measured by.
    """
    ours, others = ("measured.txt", "done.txt") if measure else ("done.txt", "measured.txt")
    if (out / others).exists():
        raise UsageError(
            f"{out} has clips of the speakers to {'learn from' if measure else 'measure by'};", "take another OUT"
        )
    return out / ours


def main() -> None:
    """Write OUT/label/SPEAKER_nohash_CLIP-NUMBER-word.flac."""
    parser = parser_of("alignment", __doc__)
    parser.add_argument("folder", type=Path, help="recordings of sentences")
    parser.add_argument("out", type=Path, help="clips are written to a folder for each label in this one")
    parser.add_argument("--words", nargs="+", required=True, help="the recipe's words")
    parser.add_argument("--transcripts", type=Path, help="a table of what is said: the recording's name, a tab, text")
    parser.add_argument(
        "--held-out",
        type=int,
        default=3,
        help="one speaker in so many is left out, as by data.held_out; 0: none [default: %(default)s]",
    )
    parser.add_argument(
        "--measure", action="store_true", help="take only the speakers that are left out, as clips to measure by"
    )
    arguments = parser.parse_args()
    from pocketsphinx import Decoder

    words = frozenset(arguments.words)
    told = read_transcripts(arguments.transcripts) if arguments.transcripts else {}
    aligner, guesser = Decoder(lm=None, loglevel="FATAL"), None
    arguments.out.mkdir(parents=True, exist_ok=True)
    journal = _journal(arguments.out, measure=arguments.measure)
    done = set(lines_of(journal.read_text(encoding="utf-8"))) if journal.exists() else set()
    found = find_sounds(arguments.folder)
    distinct([_stem(item) for item in found])
    left = [item for item in found if _stem(item) not in done]
    wanted = [item for item in found if held_out(item.speaker, item.name, arguments.held_out) == arguments.measure]
    heard = [item for item in wanted if _stem(item) not in done]
    if left and not wanted and arguments.measure:
        out = f"--held-out {arguments.held_out} leaves out none of the speakers to do"
        print(f"{out}; take the recipe's data.held_out, or recordings of more speakers", file=sys.stderr)
    elif left and not wanted:
        out = f"--held-out {arguments.held_out} leaves out the speakers of all {several(len(left), 'recording')} to do"
        print(f"{out}; --held-out 0 leaves out nobody", file=sys.stderr)
    elif not heard:
        over = f"{journal} has all recordings of {arguments.folder} that are to do"
        print(f"{over}; take another OUT to do them anew", file=sys.stderr)
    for number, (recording, samples) in enumerate(load(heard, leave_out), start=1):
        text, parts = recording.label or told.get(recording.name, ""), []
        if text:
            parts = align(aligner, samples, text)
        if not parts:
            guesser = guesser or Decoder(loglevel="FATAL", **FAST)
            parts = likely(guess(guesser, samples), tokens(text), words)
        like_words = homophones(aligner, {part.word for part in parts}, words)
        for place, (word, window) in enumerate(cut(samples, parts)):
            if word in like_words:
                continue
            folder = arguments.out / (word if word in words else UNKNOWN)
            write_flac(folder / f"{_stem(recording)}-{place}-{word}.flac", window)
        with journal.open("a", encoding="utf-8") as file:
            file.write(_stem(recording) + "\n")
        if number % 50 == 0 or number == len(heard):
            print(f"{number} of {len(heard)} recordings", file=sys.stderr, flush=True)


def _stem(recording: Recording) -> str:
    """The beginning of the clips' file names; in an index, names and speakers may be paths."""
    return f"{recording.speaker or recording.name}_nohash_{recording.name}".replace("/", "-")


if __name__ == "__main__":
    run(main)
