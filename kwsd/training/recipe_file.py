"""A recipe as a TOML file, read and checked; models/README.md and `kwsd.training.recipe` say what its keys mean."""

from __future__ import annotations

from collections.abc import Iterator
from math import lcm, prod
from pathlib import Path

from kwsd.cards.allowed import is_name
from kwsd.errors import ConfigError, InputError
from kwsd.labels import ANY_WORD, SILENCE, UNKNOWN, can_fire
from kwsd.samples import RATE
from kwsd.texts import TOMLDecodeError, parse_toml, read_text, reason, toml_mistake
from kwsd.training.recipe import Network, Recipe, Schedule
from kwsd.training.values import read_table

_KINDS = ("hubert", "moonshine", "whisper")
TEACHER_SIZE, TEACHER_INNER, TEACHER_KERNELS, TEACHER_STRIDE = 288, 1152, (127, 7, 3), 384
"""The sizes of Moonshine tiny's encoder, the only one that a HuBERT learns from.

They are the hidden size, the inner size of a feed-forward layer, the convolutions' kernels, and the samples from one
vector to the next."""

WHISPER_STRIDE = 320
"""The samples from one vector of Whisper's encoder to the next."""
_GROUPS = 16  # of the positional embedding's channels; a multiple also fits the pooling's eight heads


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file.

    Raises:
        InputError: the file cannot be read.
        ConfigError: it is no TOML, has an unknown key or an invalid value, or contradicts itself; the text names the
            place.
    """
    try:
        text = read_text(path)
        tables = parse_toml(text)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the recipe {path}: {reason(error)}") from error
    except TOMLDecodeError as error:
        line, what, remedy = toml_mistake(error, text)
        raise ConfigError(f"{path}, line {line}: {what};", remedy) from error
    except ValueError as error:  # beyond Python's limits
        raise ConfigError(f"{path}: {error}") from error
    try:
        recipe = Recipe(**read_table(Recipe, tables))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    contradiction = next(_contradictions(recipe), None)
    if contradiction is not None:
        raise ConfigError(f"{path}: {contradiction}")
    return recipe


def _contradictions(recipe: Recipe) -> Iterator[str]:
    network, mix = recipe.network, recipe.mix
    if not recipe.words or len(set(recipe.words)) < len(recipe.words) or {"", UNKNOWN, SILENCE} & set(recipe.words):
        yield f"words is {list(recipe.words)}; it must name at least one, each once, without {UNKNOWN} and {SILENCE}"
    for word in recipe.words:
        if word == ANY_WORD or not can_fire(word) or not is_name(word):
            yield f"words: {word!r:.40} is not allowed as a word: use another"
    if len({word.casefold() for word in recipe.words}) < len(set(recipe.words)):
        yield f"words is {list(recipe.words)}: two of them differ in case alone"
    if network.kind not in _KINDS:
        yield f'network.kind is {network.kind!r}, not "hubert", "moonshine" or "whisper"'
    if RATE < network.window < RATE * 3 // 2:
        yield f"network.window is {network.window}; it must be {RATE}, or {RATE * 3 // 2} and more"
    if network.kind == "hubert" and network.window != RATE:
        yield f"network.window is {network.window}; a hubert hears a second, no more"
    if network.kind == "whisper" and network.window % WHISPER_STRIDE:
        yield f"network.window is {network.window}; a whisper hears multiples of {WHISPER_STRIDE} samples"
    if network.kind == "hubert":
        yield from _wrong_sizes(network)
    if network.kind in _KINDS[1:] and not recipe.teacher.weights:
        yield f"a {network.kind} is its teacher's weights: name them as teacher.weights"
    if network.kind == "hubert" and recipe.teacher.weights and len(recipe.teacher.layers) != network.num_hidden_layers:
        yield "teacher.layers needs one layer for each of network.num_hidden_layers"
    if network.kind == "hubert" and recipe.teacher.weights:
        yield from _unlike_teacher(network, recipe.schedule)
        if network.start and recipe.schedule.front_end_steps:
            yield "the convolutions of network.start would be taught anew: schedule.front_end_steps must be 0"
    if abs(sum(mix.shares) - 1) > 1e-8:
        yield f"mix.words, sentences, cut, glued, others and silence sum to {sum(mix.shares):g}, not 1"
    for name, snr in (("noise_snr", mix.noise_snr), ("talk_snr", mix.talk_snr)):
        if len(snr) != 2 or snr[0] > snr[1]:
            yield f"mix.{name} is {list(snr)}, not two numbers of dB, [from, to]"
    for pair in recipe.data.homophones:
        if pair.partition("=")[2] not in recipe.words:
            yield f'data.homophones: {pair!r} is not like "know=no", with a word of the recipe'
    for pair in mix.word_offsets:
        word, _, offset = pair.rpartition("=")
        if word not in recipe.words or not _is_offset(offset):
            yield f'mix.word_offsets: {pair!r} is not like "off=1.5", with a word of the recipe'
    if len({pair.rpartition("=")[0] for pair in mix.word_offsets}) < len(mix.word_offsets):
        yield "mix.word_offsets names a word twice"
    for key in ("words", "validation", "speech", "noise"):
        if not getattr(recipe.data, key):
            yield f"data.{key} names no folder"


def _is_offset(text: str) -> bool:
    try:
        return abs(float(text)) <= 100
    except ValueError:
        return False


def _unlike_teacher(network: Network, schedule: Schedule) -> Iterator[str]:
    """The reasons why a HuBERT cannot copy its teacher's weights, or be compared with it."""
    sizes = (
        ("hidden_size", (network.hidden_size,), (TEACHER_SIZE,)),
        ("intermediate_size", (network.intermediate_size,), (TEACHER_INNER,)),
        ("conv_dim, the first and the last,", network.conv_dim[::2], (TEACHER_SIZE,) * 2),
        ("conv_kernel", network.conv_kernel, TEACHER_KERNELS),
    )
    for name, ours, theirs in sizes:
        if ours != theirs:
            yield f"network.{name} must be {', '.join(map(str, theirs))}, as teacher.weights have it"
    stride = prod(network.conv_stride)
    if stride % TEACHER_STRIDE:
        what = f"network.conv_stride has a product of {stride}"
        yield f"{what}; with teacher.weights it must be a multiple of {TEACHER_STRIDE}"
    elif schedule.front_end_steps and stride != 2 * TEACHER_STRIDE:
        what = f"network.conv_stride has a product of {stride}, not {2 * TEACHER_STRIDE}"
        yield f"{what}, by which the convolutions learn from the teacher's: schedule.front_end_steps must be 0"


def _wrong_sizes(network: Network) -> Iterator[str]:
    unit = lcm(_GROUPS, network.num_attention_heads)
    if network.hidden_size % unit:
        heads = f"with num_attention_heads = {network.num_attention_heads}"
        yield f"network.hidden_size is {network.hidden_size}; {heads} it must be a multiple of {unit}"
    if not len(network.conv_dim) == len(network.conv_kernel) == len(network.conv_stride) > 0:
        yield "network.conv_dim, conv_kernel and conv_stride need as many entries, one for each convolution"
    frames = RATE
    for kernel, stride in zip(network.conv_kernel, network.conv_stride, strict=False):
        frames = (frames - kernel) // stride + 1
    if frames < 1:
        yield "network.conv_kernel and conv_stride leave nothing of a window of a second"
