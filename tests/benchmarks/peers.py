"""What kwsd costs beside its peers: processor seconds per second of the same speech, in the same run.

    python tests/benchmarks/peers.py [--python OTHER] [--seconds 60] [--json OUT] [FILE]

Each contestant is a process of its own that hears the same samples in pieces of 80 ms, one thread, and is timed after
its model is loaded and warm. The peers (openwakeword 0.5.1, pyopen-wakeword, pymicro-wakeword, pocketsphinx) are looked
for in --python, an interpreter of a virtual environment that they are installed in; who is not there is left out, and
named. They listen for one word each, kwsd for all of its words.

What counts is the ratios: all is measured under the same load, `--rounds` times in turn, and the least is taken.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Feed = Callable[[bytes], object]

PIECE = 1280
"""80 ms, which is what openWakeWord wants at a time."""
RECORDING = Path(__file__).parents[1] / "recordings" / "sentence.flac"


def kwsd(engine: str = "OnnxClassifier") -> Feed:
    """The daemon's path, with its settings: ring, windows, gate, classifier, trigger. All words."""
    import numpy as np

    from kwsd.benchmark.inline_path import InlinePath
    from kwsd.config import Config
    from kwsd.fitting import spotting_settings
    from kwsd.zoo import load_classifier, read_card

    config = Config()
    card = read_card(config.model.name)
    classifier: Any = load_classifier(card, device="cpu", on_torch=engine == "TorchClassifier")  # with its verifier
    assert type(classifier.first).__name__ == engine
    path = InlinePath(classifier, spotting_settings(config, card))
    return lambda piece: path.hear(np.frombuffer(piece, np.int16))


def openwakeword() -> Feed:
    """One word, tflite as by default, the models that come with the package."""
    import numpy as np
    from openwakeword.model import Model

    model = Model(wakeword_models=["alexa_v0.1"], inference_framework="tflite")
    return lambda piece: model.predict(np.frombuffer(piece, np.int16))


def pyopen_wakeword() -> Feed:
    """One word."""
    from pyopen_wakeword import OpenWakeWord, OpenWakeWordFeatures
    from pyopen_wakeword.const import Model

    features, word = OpenWakeWordFeatures.from_builtin(), OpenWakeWord.from_builtin(Model("alexa"))
    return lambda piece: [list(word.process_streaming(some)) for some in features.process_streaming(piece)]


def pymicro_wakeword() -> Feed:
    """One word."""
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures
    from pymicro_wakeword.const import Model

    features, word = MicroWakeWordFeatures(), MicroWakeWord.from_builtin(Model("alexa"))
    return lambda piece: [word.process_streaming(some) for some in features.process_streaming(piece)]


def pocketsphinx() -> Feed:
    """One keyphrase."""
    from pocketsphinx import Decoder

    decoder = Decoder(keyphrase="alexa", kws_threshold=1e-20, loglevel="FATAL")
    decoder.start_utt()
    return lambda piece: decoder.process_raw(piece, no_search=False, full_utt=False)


CONTESTANTS: Mapping[str, Callable[[], Feed]] = {
    "kwsd": kwsd,
    "kwsd on torch": lambda: kwsd("TorchClassifier"),
    "openwakeword": openwakeword,
    "pyopen-wakeword": pyopen_wakeword,
    "pymicro-wakeword": pymicro_wakeword,
    "pocketsphinx": pocketsphinx,
}
OURS = ("kwsd", "kwsd on torch")


def contest(name: str, samples: Path) -> dict[str, float]:
    """In a process of its own: the cost of all samples, after a second of them as a warm-up."""
    audio = samples.read_bytes()
    pieces = [audio[start : start + 2 * PIECE] for start in range(0, len(audio) - 2 * PIECE + 1, 2 * PIECE)]
    feed = CONTESTANTS[name]()
    for piece in pieces[:13]:
        feed(piece)
    began = time.process_time()
    for piece in pieces:
        feed(piece)
    return {"cpu_per_second": (time.process_time() - began) / (len(pieces) * PIECE / 16_000)}


def measure(python: str, name: str, samples: Path) -> dict[str, Any]:
    """One contestant's figure, or what kept it away."""
    command = [sys.executable if name in OURS else python, __file__, "--contestant", name, str(samples)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        done = subprocess.run(command, env={**os.environ, **threads}, capture_output=True, text=True, check=False)
    except OSError as error:  # no such interpreter
        return {"left_out": str(error)}
    if done.returncode:
        return {"left_out": (done.stderr.strip().splitlines() or ["?"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def speech(file: Path, seconds: float) -> bytes:
    """What the gate takes for speech in a recording, over and over: raw samples."""
    from kwsd.audio.decoding.files import read_clip
    from kwsd.benchmark.cost import sounds
    from kwsd.spotting.gate import GateSettings

    return sounds(read_clip(file), seconds, GateSettings())["speech"].astype("<i2").tobytes()


def run(python: str, file: Path, seconds: float, rounds: int) -> dict[str, dict[str, Any]]:
    """All contestants in turn, `rounds` times; each one's least figure, and its ratio to kwsd's."""
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        samples = Path(folder) / "speech.raw"
        samples.write_bytes(speech(file, seconds))
        for _ in range(rounds):
            for name in CONTESTANTS:
                best = found.get(name)
                if best is None or "left_out" not in best:
                    one = measure(python, name, samples)
                    found[name] = min(filter(None, (best, one)), key=lambda each: each.get("cpu_per_second", 0.0))
    own = found["kwsd"].get("cpu_per_second")
    for one in found.values():
        if own and "cpu_per_second" in one:
            one["ratio_to_kwsd"] = one["cpu_per_second"] / own
    return found


def rows(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The table, line by line."""
    yield f"{'':<18} {'cpu s/s':>9} {'to kwsd':>9}"
    for name, one in found.items():
        if "left_out" in one:
            yield f"{name:<18} left out: {one['left_out']}"
        else:
            yield f"{name:<18} {one['cpu_per_second']:>9.5f} {one.get('ratio_to_kwsd', float('nan')):>9.2f}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=RECORDING)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--contestant", choices=list(CONTESTANTS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds: at least one")
    if given.contestant:
        print(json.dumps(contest(given.contestant, given.file)))
        return
    found = run(given.python, given.file, given.seconds, given.rounds)
    print("\n".join(rows(found)))
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
