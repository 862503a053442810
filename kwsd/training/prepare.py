"""Prepares a recipe's run: decodes and splits the recordings, builds the network, and caches the teacher's features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from kwsd.audio.endpointing import cut_window
from kwsd.cards.card_file import checksum
from kwsd.cards.names import WEIGHTS
from kwsd.datasets.held_out import held_out
from kwsd.datasets.recordings import Recording, find_recordings, find_sounds
from kwsd.datasets.transcripts import check_names, read_transcripts
from kwsd.errors import ConfigError, InputError
from kwsd.labels import UNKNOWN
from kwsd.networks.heads import SpotterModel
from kwsd.networks.hubert import HubertSpotterModel
from kwsd.networks.moonshine import MoonshineSpotterModel
from kwsd.networks.whisper import POSITIONS, WhisperSpotterModel
from kwsd.samples import RATE
from kwsd.training.augmentation.channels import channel_bank
from kwsd.training.augmentation.sounds import Sounds
from kwsd.training.batches import Mixer, Spared
from kwsd.training.building import build_network
from kwsd.training.corpus import Corpus, all_seconds, decode, first_seconds, join, said
from kwsd.training.learner import Lesson
from kwsd.training.recipe import Data, Recipe
from kwsd.training.teacher import TeacherFeatures, load_teacher, load_whisper, teacher_features
from kwsd.training.trained import begin_with, load_trained
from kwsd.training.transplant import calibrate_heads, transplant
from kwsd.zoo import find_model

Progress = Callable[[str, int, int], None]
"""Called with the name of the step, how much of it is done, and its total."""


def prepare(recipe: Recipe, root: Path, cache: Path, progress: Progress) -> tuple[SpotterModel, Lesson]:
    """The network and the lesson that `Run` needs.

    Raises:
        InputError: a folder of the recipe is not below `root`, or holds no recordings, the transcripts are of none of
            the speech, or the teacher's weights are missing or no encoder's.
        ConfigError: a word of the recipe has no recording, no clip is `_unknown_` though `mix.others` needs some, all
            of the speech or noise is held out, or a model that the recipe names has other words or another shape.
        ModelError: there is no such model.
    """
    _check_places(recipe.data, root)
    scores, start = recipe.teacher.scores, recipe.network.start
    soft = load_trained(scores, recipe.labels, "teacher.scores") if scores else None  # before long work
    first = load_trained(start, recipe.labels, "network.start") if start else None
    load = load_whisper if recipe.network.kind == "whisper" else load_teacher
    teacher = load(root / recipe.teacher.weights) if recipe.teacher.weights else None
    clips = _decoded(recipe, root, cache, progress)
    mixer = _mixer(recipe, root, clips, progress)
    model = build_network(recipe)
    taught = None if teacher is None else _taught(model, recipe, root, cache, progress, teacher, clips)
    if first is not None:
        begin_with(model, first, "network.start")
    models = _checksums(recipe, root)
    return model, Lesson(mixer, None if taught is None else teacher, taught, clips.validation, soft, models)


def _checksums(recipe: Recipe, root: Path) -> dict[str, str]:
    """The checksums of the weights that the recipe needs after its first step, by its keys; all of them are there."""
    found = {"teacher.weights": checksum(root / recipe.teacher.weights)} if recipe.teacher.weights else {}
    later = {key: model for key, model in recipe.models.items() if key != "network.start"}
    return found | {key: checksum(find_model(model) / WEIGHTS) for key, model in later.items()}


def _check_places(data: Data, root: Path) -> None:
    """Raise InputError for a missing folder or an invalid table now, not after hours of decoding."""
    for folder in (*data.words, *data.synthetic, *data.validation, *data.speech, *data.noise, *data.unmined):
        if not (root / folder).is_dir():
            raise InputError(f"no folder {root / folder}: name the data root with --data, or edit the recipe")
    if data.transcripts:
        read_transcripts(root / data.transcripts)


class _Clips(NamedTuple):
    """The recipe's recordings; `words` joins the corpora of `spoken`: recorded clips, then synthetic ones, if any."""

    spoken: Sequence[Corpus]
    words: Corpus
    validation: Corpus
    speech: Corpus
    noise: Corpus


def _decoded(recipe: Recipe, root: Path, cache: Path, progress: Progress) -> _Clips:
    """All of the recipe's folders, decoded. Raises InputError and ConfigError as `prepare` does."""
    data = recipe.data

    def corpus(folders: Sequence[str], find: Callable[[Path], list[Recording]] = find_recordings) -> Corpus:
        places = [root / folder for folder in folders]
        return decode(places, cache, lambda done, total: progress(f"decoding {folders[0]}", done, total), find)

    spoken = [_labelled(corpus(data.words), recipe)]
    if data.synthetic:
        spoken.append(_labelled(corpus(data.synthetic), recipe))
    words = reduce(join, spoken)
    unspoken = sorted(set(recipe.words) - set(words.labels.tolist()))
    if unspoken:
        raise ConfigError(f"no recording of {', '.join(unspoken)} in data.words and data.synthetic")
    if recipe.mix.others and UNKNOWN not in words.labels:
        raise ConfigError(f"mix.others needs clips that are labelled {UNKNOWN}, in data.words or data.synthetic")
    validation = _labelled(corpus(data.validation), recipe)
    talk = corpus(data.speech, find_sounds)
    if data.transcripts:
        check_names(read_transcripts(root / data.transcripts), talk.names.tolist())
    speech = _kept(talk, data.held_out, "data.speech")
    noise = _kept(corpus(data.noise, find_sounds), 2 * data.held_out, "data.noise")
    return _Clips(spoken, words, validation, speech, noise)


def _mixer(recipe: Recipe, root: Path, clips: _Clips, progress: Progress) -> Mixer:
    """The mixer that draws batches of the clips, heard through random rooms and microphones."""
    progress("making rooms and microphones", 0, 1)
    schedule = recipe.schedule
    channels = channel_bank(recipe.mix.channels, schedule.seed, late=recipe.mix.late_reverberation)
    sounds = Sounds(clips.words, clips.speech, clips.noise, channels, recipe.network.window)
    return Mixer(
        sounds, recipe.labels, recipe.mix, schedule.batch, schedule.seed,
        recorded=len(clips.spoken[0]), spared=_spared(recipe, root, clips.words, clips.speech),
    )  # fmt: skip


def _taught(
    model: SpotterModel, recipe: Recipe, root: Path, cache: Path, progress: Progress, teacher: Any, clips: _Clips
) -> TeacherFeatures | None:
    """Start `model` from the teacher's weights; returns the teacher's features of words and speech.

    None for a Moonshine or a Whisper, which is the teacher's encoder itself."""
    recorded = clips.spoken[0]
    rows = np.random.default_rng(recipe.schedule.seed).integers(len(recorded), size=64)
    sample = torch.from_numpy(np.stack([cut_window(recorded.clip(int(row)), 0, RATE) for row in rows]))
    if isinstance(model, (MoonshineSpotterModel, WhisperSpotterModel)):
        _adopt(model, teacher, recipe.network.learning_layers, sample)
        return None
    assert isinstance(model, HubertSpotterModel)
    transplant(model, teacher, recipe.teacher.layers, sample)
    asked = checksum(root / recipe.teacher.weights)
    parts = [(part, first_seconds(part)) for part in clips.spoken] + [(clips.speech, all_seconds(clips.speech))]
    taught = TeacherFeatures(
        tuple(
            teacher_features(
                teacher, asked, part, seconds, cache, lambda done, total: progress("asking the teacher", done, total)
            )
            for part, seconds in parts
        )
    )
    calibrate_heads(model, *map(torch.from_numpy, taught.spread()))
    return taught


@torch.no_grad()
def _adopt(
    model: MoonshineSpotterModel | WhisperSpotterModel, teacher: Any, learning: int, sample: torch.Tensor
) -> None:
    """Copy the teacher's weights, freeze all but the last `learning` blocks, and calibrate the heads on `sample`."""
    weights = teacher.state_dict()
    if isinstance(model, WhisperSpotterModel):  # the teacher hears half a minute
        weights[POSITIONS] = weights[POSITIONS][: model.config.max_source_positions]
    model.encoder.load_state_dict(weights)
    model.encoder.requires_grad_(False)
    for block in model.encoder.layers[max(0, len(model.encoder.layers) - learning) :]:
        block.requires_grad_(True)
    model.encoder.layer_norm.requires_grad_(learning > 0)
    vectors = model.frames(sample).flatten(0, 1)
    calibrate_heads(model, vectors.mean(dim=0), vectors.std(dim=0) + 1e-3)


def _labelled(corpus: Corpus, recipe: Recipe) -> Corpus:
    """The clips of the recipe's words and of `_unknown_`, with those whose label was inferred by a machine."""
    chosen = corpus.select(np.isin(corpus.labels, [*recipe.words, UNKNOWN]))
    if not len(chosen):
        raise ConfigError(f"none of the recipe's words has a recording: {', '.join(sorted(recipe.words))}")
    return chosen


def _spared(recipe: Recipe, root: Path, words: Corpus, speech: Corpus) -> Spared:
    data = recipe.data
    guessed = read_transcripts(root / data.transcripts) if data.transcripts else {}
    homophones = dict(pair.split("=", 1) for pair in data.homophones)
    clips = (clip for folder in data.unmined for clip in find_recordings(root / folder))
    unmined = {(clip.label, clip.speaker, clip.name) for clip in clips}  # a name alone need not be unique
    known = zip(words.labels.tolist(), words.speakers.tolist(), words.names.tolist(), strict=True)
    marked = np.array([clip in unmined for clip in known], bool)
    return Spared(said(speech, recipe.words, guessed, homophones), marked)


def _kept(corpus: Corpus, parts: int, key: str) -> Corpus:
    names = zip(corpus.speakers.tolist(), corpus.names.tolist(), strict=True)
    chosen = np.array([not held_out(speaker, name, parts) for speaker, name in names])
    if not chosen.any():
        raise ConfigError(f"data.held_out leaves nothing of {key}: put more there, or hold out less (0 for nothing)")
    return corpus.select(chosen)
