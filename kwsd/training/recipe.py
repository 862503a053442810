"""What a training run is made of, as frozen dataclasses; `kwsd.training.recipe_file` reads them.

Numbers stand with their default, their least and, where there is one, their largest value.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from kwsd.labels import SILENCE, UNKNOWN
from kwsd.samples import RATE
from kwsd.training.values import number

LARGEST_SEED = 2**31 - 1  # a million times it, torch still takes
LOWEST_RATE = 1e-9


@dataclass(frozen=True, slots=True)
class Network:
    """Which network (`kind`: "hubert", or "moonshine" for the larger one that is asked second), and its sizes.

    The names are HubertConfig's. A Moonshine takes its sizes from the teacher, whose weights it is; from these it takes
    the adapter's and the heads', and how many of its blocks learn, counted from the last. `start` names a trained model
    of the same shape, one that ships or a folder, whose weights it begins with. It may hear more than the second that
    its scores are about: `window` samples, of which the last 16,000 are that second.
    """

    kind: str = "hubert"
    start: str = ""
    learning_layers: int = number(2, 0, 6)
    window: int = number(RATE, RATE, 4 * RATE)
    hidden_size: int = number(288, 1)
    intermediate_size: int = number(1152, 1)
    num_attention_heads: int = number(8, 1)
    num_hidden_layers: int = number(4, 1)
    conv_dim: tuple[int, ...] = number((288, 208, 288), 1)
    conv_kernel: tuple[int, ...] = number((127, 7, 3), 1)
    conv_stride: tuple[int, ...] = number((64, 3, 4), 1)
    num_conv_pos_embeddings: int = number(24, 1)
    adapter_size: int = number(64, 1)
    head_size: int = number(128, 2)
    dropout: float = number(0.0, 0, 0.9)


@dataclass(frozen=True, slots=True)
class Teacher:
    """The encoder whose weights the HuBERT takes over: its blocks `layers`, one for each of the network's.

    Without `weights` the network starts at random. `scores` names a trained model of kwsd's own, one that ships or a
    folder, whose scores are learnt too (`schedule.soft_weight`).
    """

    weights: str = ""
    layers: tuple[int, ...] = number((0, 2, 3, 5), 0, 5)
    scores: str = ""


@dataclass(frozen=True, slots=True)
class Data:
    """Folders below the data root. `synthetic` is added to `words`, and never counted in a score.

    Hard negatives are mined from `speech`, `noise` and the single words that are none, but not from the folders
    `unmined`, and not where the word that is heard is said. That is read from the file `transcripts` (see
    `kwsd.training.tools.transcripts`) or, where it says nothing, from the speech's labels; `homophones` ("know=no")
    count as the words that they sound like.
    """

    words: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    synthetic: tuple[str, ...] = ()
    unmined: tuple[str, ...] = ()
    speech: tuple[str, ...] = ()
    transcripts: str = ""
    homophones: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    held_out: int = number(3, 0)


@dataclass(frozen=True, slots=True)
class Mix:
    """What windows are made of. `words` to `silence` are shares of a batch, one in sum; other fractions say how often.

    words, sentences, cut, glued: words alone; windows of sentences; words cut off; two words without a pause.
    others: words that are none of the recipe's (`_unknown_` among the data's words); 0 draws them among the words.
    silence: windows without speech.
    noise, noise_snr: noise under a window, so many dB (from and to) under its louder half.
    varied_noise: that noise is made into another one first.
    talk, talk_snr: the noise is other people's talk, at its own dB; crowd: that of several at once.
    tones: the noise is a steady tone. agc: the window comes by automatic gain control. pace: a word at another pace.
    rare_floor: clips that a rare word counts as having, at least.
    synthetic: a word is one of `data.synthetic`; 0 as their number has it. With `synthetic_by_root` more often where
    a word has few recordings, by the square roots of both numbers: few clips heard often are learnt by heart.
    channels, channel: how many channels there are, half of them rooms (with `late_reverberation` as bare as living
    rooms may be), and how often a window is heard through one (`kwsd.training.augmentation.channels`).
    easy_steps, ramp_steps: batches of easy scenes, and those over which they grow as hard as they get.
    unknown_offset: taken off the logit of `_unknown_` when the model is exported, as batches hold far more speech that
    is no word than people say to a listener. word_offsets ("off=1.5"): added to the logits of words that are rare.
    """

    words: float = number(0.6, 0, 1)
    sentences: float = number(0.2, 0, 1)
    cut: float = number(0.04, 0, 1)
    glued: float = number(0.06, 0, 1)
    others: float = number(0.0, 0, 1)
    silence: float = number(0.1, 0, 1)
    noise: float = number(0.6, 0, 1)
    varied_noise: float = number(0.0, 0, 1)
    noise_snr: tuple[int, ...] = number((-2, 30), -100, 100)
    talk: float = number(0.1, 0, 1)
    talk_snr: tuple[int, ...] = number((12, 30), -100, 100)
    crowd: float = number(0.0, 0, 1)
    tones: float = number(0.0, 0, 1)
    agc: float = number(0.0, 0, 1)
    pace: float = number(0.25, 0, 1)
    rare_floor: int = number(300, 0)
    synthetic: float = number(0.0, 0, 1)
    synthetic_by_root: bool = False
    channels: int = number(200, 1)
    channel: float = number(0.35, 0, 1)
    late_reverberation: bool = False
    easy_steps: int = number(1_500, 0)
    ramp_steps: int = number(6_000, 0)
    unknown_offset: float = number(0.0, -100, 100)
    word_offsets: tuple[str, ...] = ()

    @property
    def offsets(self) -> dict[str, float]:
        """What is added to the logits of labels, once all is learnt. Raises ValueError for what is no number."""
        words = (pair.rpartition("=") for pair in self.word_offsets)
        return {UNKNOWN: -self.unknown_offset, **{word: float(offset) for word, _, offset in words}}

    @property
    def shares(self) -> tuple[float, ...]:
        """Of a batch, in the order in which `kwsd.training.batches` draws: silence comes last."""
        return self.words, self.sentences, self.cut, self.glued, self.others, self.silence


@dataclass(frozen=True, slots=True)
class Schedule:
    """Steps, and what happens at which of them. The rate warms up, stays, and falls to zero over the last `decay`.

    The encoder learns at `encoder_rate` times the rate of what is put on top of it. What the teacher's scores weigh
    beside the labels is `soft_weight`, from the step `soft_from` on.
    """

    seed: int = number(1, 0, LARGEST_SEED)
    batch: int = number(64, 1)
    front_end_steps: int = number(600, 0)
    steps: int = number(12_000, 1)
    warmup: int = number(300, 0)
    decay: float = number(0.3, 0, 1)
    peak_rate: float = number(6e-4, LOWEST_RATE, 1)
    encoder_rate: float = number(1.0, 0, 1)
    weight_decay: float = number(0.02, 0, 1)
    ema: float = number(0.999, 0, 1)
    feature_weight: float = number(1.0, 0)
    soft_weight: float = number(1.0, 0)
    soft_from: int = number(0, 0)
    mine_every: int = number(300, 1)
    mine_windows: int = number(3_000, 3)
    validate_every: int = number(900, 1)
    patience: int = number(0, 0)


@dataclass(frozen=True, slots=True)
class Soup:
    """An earlier run's `model` (a name or a folder) whose weights the result is mixed with; it weighs `share`."""

    model: str = ""
    share: float = number(0.5, 0, 1)


@dataclass(frozen=True, slots=True)
class Recipe:
    """One reproducible run."""

    name: str
    words: tuple[str, ...]
    network: Network = field(default_factory=Network)
    teacher: Teacher = field(default_factory=Teacher)
    data: Data = field(default_factory=Data)
    mix: Mix = field(default_factory=Mix)
    schedule: Schedule = field(default_factory=Schedule)
    soup: Soup = field(default_factory=Soup)

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of its network: the words, then `_unknown_`, then `_silence_`."""
        return (*self.words, UNKNOWN, SILENCE)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for a checkpoint to be compared with."""
        return asdict(self)
