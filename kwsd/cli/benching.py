"""Carries out `kwsd bench`. Heavy imports are delayed, because their time is part of what is measured."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kwsd.cli import console, stderr
from kwsd.cli.interrupts import ending_tidily
from kwsd.cli.measuring import load_model
from kwsd.cli.publishing import publish
from kwsd.config import options
from kwsd.errors import InputError, UsageError, first_line, lacks_packages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kwsd.benchmark.daemon_run import DaemonRun
    from kwsd.benchmark.figures import EngineFigures
    from kwsd.cli.measuring import LoadedModel
    from kwsd.evaluation.truth import Stream
    from kwsd.networks.roofline import Bound

log = logging.getLogger(__name__)


def bench(
    overrides: dict[str, Any],
    file: Path | None,
    seconds: float,
    *,
    realtime: bool,
    virtual_microphone: bool,
    compare: bool,
    json: str | None,
) -> None:
    """Carry out `kwsd bench`; its help says what the arguments mean.

    Raises:
        InputError: there is no recording, or it cannot be read.
        UsageError: the model runs on one engine only.
        DeviceError: a package or a tool is not installed, or a daemon of its own does not start.
    """
    from kwsd.benchmark.figures import Bench
    from kwsd.benchmark.phases import at_phases

    if virtual_microphone:
        from kwsd.benchmark.sound_server import check_tools

        check_tools()  # at once, not after a minute
    heard = _stream(file)
    model, load_s = _loaded(overrides)
    heard = _to_be_heard(heard.spelt(model.settings.trigger.thresholds), model)
    if compare:
        _check_torch(model)
    made = _sounds(file, heard, model, seconds)
    found = [_engine(model, load_s, made)]
    heard = at_phases(heard, model.settings.hop, model.settings.coarse or 0)
    if realtime or virtual_microphone:
        times = "twice" if virtual_microphone else "once"
        stderr.note(f"playing {heard.seconds:.0f} s of {heard.name} and as much silence in real time, {times}")
    life = _life(overrides, heard, realtime or virtual_microphone)
    live = _life_at_microphone(overrides, heard, life) if virtual_microphone else None
    if compare:
        found.append(_engine(*_on_torch(model, overrides), made))
    publish(Bench(model.classifier.name, heard.name, tuple(found), life, live), json)


def _stream(file: Path | None) -> Stream:
    """The recording, with its words if there is a table beside it."""
    from kwsd.audio.decoding.files import read_clip
    from kwsd.evaluation.truth import Stream, read_stream

    if file is None:
        file = _recordings() / "commands.flac"
        if not file.is_file():
            raise InputError("there is no recording to measure with;", "name one with speech: kwsd bench FILE")
    table = file.parent / f"{file.stem}.tsv"  # with_suffix() refuses "." and "/"
    return read_stream(file, table) if table.is_file() else Stream(file.name, read_clip(file), ())


def _to_be_heard(heard: Stream, model: LoadedModel) -> Stream:
    """The recording without words that may not fire, which would count as not heard; with them if none may."""
    from dataclasses import replace

    words = tuple(word for word in heard.words if word.word in model.settings.trigger.thresholds)
    return replace(heard, words=words) if words else heard


def _recordings() -> Path:
    """The folder of the tests' recordings, in the checkout that kwsd runs from, or in the current folder."""
    import kwsd

    places = [root / "tests" / "recordings" for root in (Path(kwsd.__file__).parents[1], Path.cwd())]
    return next((place for place in places if (place / "commands.flac").is_file()), places[0])


def _sounds(file: Path | None, heard: Stream, model: LoadedModel, seconds: float) -> Mapping[str, NDArray[np.int16]]:
    """The sounds to measure: from the given recording, or from the tests' sentence and, if known, their words."""
    from kwsd.audio.decoding.files import read_clip
    from kwsd.benchmark.cost import sounds

    if file is not None:
        return sounds(heard.samples, seconds, model.settings.gate)
    known = any(word.word in model.settings.trigger.thresholds for word in heard.words)
    words = heard.samples if known else None
    return sounds(read_clip(_recordings() / "sentence.flac"), seconds, model.settings.gate, words=words)


def _loaded(overrides: dict[str, Any]) -> tuple[LoadedModel, float]:
    began = time.perf_counter()
    model = load_model(overrides)
    return model, time.perf_counter() - began


def _check_torch(model: LoadedModel) -> None:
    """Raise UsageError early for a model that runs on one engine only, and DeviceError without torch.

    Torch is not imported for that, because its import is part of the loading time that is measured.
    """
    card = model.card
    if card.kind != "kwsd":
        runs = "is an exported file, so torch cannot run it" if card.kind == "exported" else "runs only on torch"
        raise UsageError(f"--compare: {card.name} {runs};", "leave out --compare")
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            raise lacks_packages("--compare needs torch and transformers", ImportError(f"No module named {package!r}"))


def _on_torch(model: LoadedModel, overrides: dict[str, Any]) -> tuple[LoadedModel, float]:
    """The model run by torch, and the seconds that it took to load."""
    from dataclasses import replace

    from kwsd.zoo import load_classifier

    card = model.card
    began = time.perf_counter()  # torch's import is part of it
    classifier = load_classifier(card, device=overrides.get("model.device") or "auto", on_torch=True)
    return replace(model, classifier=classifier), time.perf_counter() - began


def _engine(model: LoadedModel, load_s: float, made: Mapping[str, NDArray[np.int16]]) -> EngineFigures:
    from kwsd.benchmark.cost import cost, times_real_time
    from kwsd.benchmark.figures import EngineFigures
    from kwsd.benchmark.throughput import throughput
    from kwsd.networks.cascade import Cascade

    classifier, settings = model.classifier, model.settings
    # A verifier runs on the same engine.
    engine = classifier.first if isinstance(classifier, Cascade) else classifier
    kind = type(engine).__name__.removesuffix("Classifier").lower()
    with console.working(f"measuring {kind}"):
        costs = tuple(cost(name, samples, classifier, settings) for name, samples in made.items())
        speed = times_real_time(made["speech"], classifier, settings)
        rates = tuple(throughput(engine, model.card.window))
        limit = _limit(engine) if kind == "torch" else None
    return EngineFigures(kind, classifier.device, load_s, speed, costs, settings.hop, rates, limit)


def _limit(engine: Any) -> Bound | None:
    """The limit of the engine's device; None if its memory is too small to measure it."""
    from kwsd.networks.roofline import bound

    try:
        return bound(engine)
    except RuntimeError as error:
        log.warning("the device's limit could not be measured: %s", first_line(error))
        return None


def _life(overrides: dict[str, Any], heard: Stream, realtime: bool) -> DaemonRun:
    from kwsd.benchmark.daemon_run import watch

    with console.working("listening"):
        return watch(_flags(overrides), heard.samples, heard.words, realtime=realtime)


def _life_at_microphone(overrides: dict[str, Any], heard: Stream, piped: DaemonRun) -> DaemonRun:
    """Run a daemon at a virtual microphone with the same recording.

    Without a table of words, those that the piped daemon heard are expected."""
    from kwsd.benchmark.daemon_run import watch_microphone
    from kwsd.benchmark.sound_server import virtual_microphone

    with ending_tidily(), console.working("listening to a virtual microphone"), virtual_microphone() as microphone:
        return watch_microphone(_flags(overrides), heard.samples, heard.words or piped.words, microphone)


def _flags(overrides: dict[str, Any]) -> list[str]:
    """The daemons' flags: no configuration file, and the overrides of this command line."""
    flags = [f"--config={os.devnull}"]
    for key, value in overrides.items():
        option = options()[key]
        flags.append(option.flag_for(value) if option.is_switch else f"{option.flag}={value}")
    return flags
