"""English words that are none of a recipe's: those that are said nearly like one, and the commonest ones.

Run by hand, before `kwsd.training.tools.voices`, which then says them: `python -m kwsd.training.tools.near_words on off
... --near 600 --common 800` prints as many words, the commonest first. Near is what one phone more, less or other would
make one of the recipe's words; what is said exactly like one is left out. Pronunciations and frequencies are those of
PocketSphinx's English model (CMUdict; BSD): `pip install pocketsphinx`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import combinations
from pathlib import Path

from kwsd.errors import InputError
from kwsd.training.tools.by_hand import count, parser_of, run

Phones = tuple[str, ...]


def pronunciations(lines: Iterable[str]) -> dict[str, set[Phones]]:
    """The pronunciations in the lines of a dictionary like CMUdict: `word PHONE PHONE`, `word(2)` for a second one.

    Only plain words of two letters or more are taken."""
    found: dict[str, set[Phones]] = {}
    for line in lines:
        entry, *phones = line.split()
        word = entry.partition("(")[0]
        if re.fullmatch("[a-z]{2,}", word):
            found.setdefault(word, set()).add(tuple(phones))
    return found


def english() -> dict[str, set[Phones]]:
    """PocketSphinx's own dictionary."""
    from pocketsphinx import get_model_path

    with Path(get_model_path("en-us"), "cmudict-en-us.dict").open(encoding="utf-8") as lines:
        return pronunciations(lines)


def said_as(spoken: Mapping[str, Collection[Phones]], word: str) -> Collection[Phones]:
    """The pronunciations of a word. Raises InputError for one that is not in the dictionary."""
    if word not in spoken:
        raise InputError(f"{word!r} is not in PocketSphinx's dictionary: leave it out, for nobody knows how it is said")
    return spoken[word]


def is_near(first: Phones, second: Phones) -> bool:
    """Whether one phone more, less or other makes one of the other: an edit distance of exactly one."""
    shorter, longer = sorted((first, second), key=len)
    if len(longer) - len(shorter) == 1:
        return shorter in combinations(longer, len(shorter))
    return len(longer) == len(shorter) and sum(a != b for a, b in zip(first, second, strict=True)) == 1


def choose(
    spoken: Mapping[str, Collection[Phones]],
    words: Collection[str],
    chance: Callable[[str], float],
    *,
    near: int,
    common: int,
) -> list[str]:
    """The `near` likeliest words near one of `words`, then the `common` likeliest of all others, none twice.

    `chance` ranks the words. Raises InputError for one of `words` that is not in the dictionary.
    """
    targets = {phones for word in sorted(words) for phones in said_as(spoken, word)}
    others = [word for word, said in spoken.items() if word not in words and not targets.intersection(said)]
    ranked = sorted(others, key=lambda word: (-chance(word), word))
    alike = (word for word in ranked if any(is_near(phones, target) for phones in spoken[word] for target in targets))
    chosen = [word for word, _ in zip(alike, range(near), strict=False)]
    return list(dict.fromkeys([*chosen, *ranked[:common]]))


def main() -> None:
    """Print the chosen words, one on each line."""
    parser = parser_of("near_words", __doc__)
    parser.add_argument("words", nargs="+", help="the recipe's words")
    parser.add_argument(
        "--near", type=count, default=600, help="how many that are said nearly like one of them [default: %(default)s]"
    )
    parser.add_argument(
        "--common", type=count, default=800, help="how many of the commonest others [default: %(default)s]"
    )
    arguments = parser.parse_args()
    from pocketsphinx import Decoder  # after the help

    decoder = Decoder(loglevel="FATAL")
    language = decoder.get_lm(decoder.current_search())
    chosen = choose(
        english(),
        frozenset(arguments.words),
        lambda word: float(language.prob([word])),
        near=arguments.near,
        common=arguments.common,
    )
    print("\n".join(chosen))


if __name__ == "__main__":
    run(main)
