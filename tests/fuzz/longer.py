"""The fuzzing for which CI has not the time, by hand:

    python tests/fuzz/longer.py --inputs 1000000 --seed 1
    python tests/fuzz/longer.py --target models --seed 1 --from 48213 --inputs 1    that very input again

An input is made of the seed and its number alone (but for OGG files, whose streams libsndfile numbers by chance). A
fault is told with both, and the target's next input goes on; the exit status is 1 where there was one. An input that
takes five minutes counts as a hang; one that hangs in C code ends the run, with the stack of where it is. `--inputs` is
the number in all: each target gets its part.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import resource
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path

from targets import TARGETS
from targets.checking import HANG_S

FAULTS_SHOWN = 20
ROUND = 1000
"""Inputs of one target before the next one has its turn: a run that is broken off has tried all of them."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000, help="how many in all")
    parser.add_argument("--target", choices=TARGETS, action="append", help="one of them, or several; all by default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from", type=int, default=0, dest="first", help="the number of the first input")
    chosen = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a file, not a test's capture
    logging.disable()
    warnings.simplefilter("ignore")
    names = chosen.target or list(TARGETS)
    share = -(-chosen.inputs // len(names))
    faults = Counter[str]()
    done, last = 0, chosen.first + share
    for first in range(chosen.first, last, ROUND):
        numbers = range(first, min(first + ROUND, last))
        for name in names:
            run(name, chosen.seed, numbers, faults)
            done += len(numbers)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{done} inputs, {done // len(names)} for each target; {memory} MB at most; faults: {dict(faults) or 0}")
    return 1 if faults else 0


def run(name: str, seed: int, numbers: range, faults: Counter[str]) -> None:
    """Feed a target, and count the faults. The same fault is shown once."""
    target = TARGETS[name]
    with tempfile.TemporaryDirectory(prefix="kwsd-") as folder, target.opened(Path(folder)) as check:
        for number in numbers:
            given = target.numbered(seed, number)
            faulthandler.dump_traceback_later(2 * HANG_S, exit=True)
            try:
                check(given)
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                fault = f"{name}: {type(error).__name__} in {place.filename}:{place.lineno}"
                faults[fault] += 1
                if faults[fault] == 1 and len(faults) <= FAULTS_SHOWN:
                    print(f"{name}, seed {seed}, input {number}: {given!a:.2000}")
                    traceback.print_exc(file=sys.stdout)
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    sys.exit(main())
