"""A training run's recipe as frozen dataclasses; `kwsd.training.recipe_file` reads them.

`number` declares a default, the least and, where there is one, the largest value.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kwsd.labels import SILENCE, UNKNOWN
from kwsd.samples import RATE
from kwsd.training.values import number

LARGEST_SEED = 2**31 - 1  # torch accepts a million times this as a seed
LOWEST_RATE = 1e-9


@dataclass(frozen=True, slots=True)
class Network:
    """The network's `kind` ("hubert", or "moonshine" and "whisper" for the larger verifiers) and its sizes.

    The names are HubertConfig's. A Moonshine or a Whisper has the sizes and weights of the teacher; here it takes those
    of the adapter and the heads, its dropout, and in `learning_layers` how many of its last blocks learn. `start` names
    a trained model of the same shape, a shipped one or a folder, whose weights the network starts from. The input of a
    Moonshine or a Whisper, `window` samples, may be longer than the second that its scores are about, the last 16,000.
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
    """The encoder whose weights the network starts from; `layers` are the blocks that a HuBERT copies, one for each.

    Without `weights` the network starts at random. `scores` names a trained model of kwsd's own, a shipped one or a
    folder, whose scores are learnt too (`schedule.soft_weight`).
    """

    weights: str = ""
    layers: tuple[int, ...] = number((0, 2, 3, 5), 0, 5)
    scores: str = ""


@dataclass(frozen=True, slots=True)
class Data:
    """Folders below the data root. `synthetic` clips are added to `words`, and never counted in a score.

    Hard negatives are mined from `speech`, `noise` and single `_unknown_` words, but not from the folders `unmined`,
    and not from speech in which the word that is heard is said, by its labels or the file `transcripts` (see
    `kwsd.training.tools.transcripts`); `homophones` ("know=no") count as the words that they sound like. One speaker in
    `held_out` is left out of the speech, and half as many of the noise; 0 leaves out none.
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
    """The composition of windows. `words` to `silence` are shares of a batch that sum to 1; others are probabilities.

    words, sentences, cut, glued: words alone; windows of sentences; words cut off; words in speech without a pause.
    others: words that are none of the recipe's (`_unknown_` among the data's words); 0 draws them among the words.
    silence: windows without speech.
    noise, noise_snr: noise is added, at a ratio in dB (from and to) to the window's louder half.
    varied_noise: recorded noise is altered first.
    talk, talk_snr: the noise is other people's talk, at a ratio of its own; crowd: that of several people at once.
    tones: the noise is a tone. agc: the window goes through automatic gain control. pace: a word at another pace.
    rare_floor: the number of clips, not a probability, that a rare word counts as having at least.
    synthetic: a word is one of `data.synthetic`; 0 draws in proportion to their number. `synthetic_by_root` draws them
    more often for a word with few recordings, by the square roots of both numbers: few clips are learnt by heart.
    channels, channel: the number of channels, half of them rooms (with `late_reverberation` as live as bare living
    rooms), and the probability that a window is heard through one (`kwsd.training.augmentation.channels`).
    easy_steps, ramp_steps: batches of easy scenes, and those over which hardness then grows to its maximum.
    unknown_offset: subtracted from the logit of `_unknown_` at export, as batches hold far more speech that is no word
    than a listener gets. word_offsets ("off=1.5"): added to the logits of rare words.
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
        """What is added to the logits of labels at export. Raises ValueError for an offset that is no number."""
        words = (pair.rpartition("=") for pair in self.word_offsets)
        return {UNKNOWN: -self.unknown_offset, **{word: float(offset) for word, _, offset in words}}

    @property
    def shares(self) -> tuple[float, ...]:
        """The shares of a batch; `kwsd.training.batches` draws by this order."""
        return self.words, self.sentences, self.cut, self.glued, self.others, self.silence


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps of a run. The rate warms up, stays constant, and falls to zero over the last share `decay` of them.

    After the steps of the front end, the encoder's rate is `encoder_rate` times that of the layers on top of it. From
    the step `soft_from` on, the loss of the teacher's scores has the weight `soft_weight`.
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
    """An earlier run's `model` (a name or a folder) with whose weights the result is averaged, at weight `share`."""

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
        """The labels of its network: the words, then `_unknown_`, then `_silence_`."""
        return (*self.words, UNKNOWN, SILENCE)

    @property
    def models(self) -> dict[str, str]:
        """The models that it needs, by the keys that name them."""
        named = {
            "network.start": self.network.start, "teacher.scores": self.teacher.scores, "soup.model": self.soup.model,
        }  # fmt: skip
        return {key: model for key, model in named.items() if model}
