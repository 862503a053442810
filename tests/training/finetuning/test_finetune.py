"""Fine-tuning tiny encoders of the real classes: they learn, and end as folders that others load."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tone_clips import RECIPE, started, tone_clips
from transformers import AutoConfig, AutoModelForAudioClassification, Wav2Vec2Model

from kwsd.training.finetuning import finetune
from kwsd.training.finetuning.adopting import export_adopted
from kwsd.training.finetuning.finetune import Finetuning
from kwsd.training.finetuning.labelled import Labelled
from kwsd.training.rates import finetuning_rate
from kwsd.zoo import DEFAULT_THRESHOLD, load_classifier, read_card

Foreign = Callable[[str], Path]
LABELS = ("high", "low", "_silence_")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    return tone_clips(tmp_path_factory.mktemp("tones"))


def check_folder(run: Finetuning, folder: Path) -> None:
    """kwsd and plain transformers load what was trained, and score alike."""
    from transformers import pipeline

    folder.mkdir()
    (folder / "card.json").write_text('{"smoothing": 4, "thresholds": {"low": 0.5}}')  # of other weights
    export_adopted(
        run.model, run.gradients.extractor, folder, name="ours", licence="CC0-1.0", scores={"validation": {"a": 1}}
    )
    card = read_card(str(folder))
    assert (card.name, card.licence, card.labels, card.window) == ("ours", "CC0-1.0", LABELS, 16_000)
    assert (card.smoothing, card.thresholds["low"]) == (2, DEFAULT_THRESHOLD)
    assert card.words == ("high", "low")
    tone = (0.2 * np.sin(np.arange(16_000) / 5)).astype(np.float32)
    row = load_classifier(card, device="cpu").score(tone[None])[0]
    answer = {entry["label"]: entry["score"] for entry in pipeline("audio-classification", str(folder))(tone)}
    assert answer == pytest.approx(dict(zip(card.labels, row.tolist(), strict=True)), abs=1e-4)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("architecture", ["hubert", "wav2vec2", "wavlm", "ast", "whisper"])
def test_every_encoder_is_taught(
    foreign: Foreign, data: Labelled, tmp_path: Path, architecture: str, frozen: bool
) -> None:
    window = 10_000 if architecture == "ast" else 16_000
    run = started(
        replace(RECIPE, frozen=frozen, window_s=window / 16_000), foreign(architecture), data, tmp_path / "run"
    )
    before = {name: weights.clone() for name, weights in run.model.named_parameters()}
    told: list[dict[str, float]] = []
    run.train(told.append)
    assert [figures["step"] for figures in told] == [float(step + 1) for step in range(run.steps)]
    assert "validation_accuracy" in told[-1]
    changed = {name for name, weights in run.model.named_parameters() if not torch.equal(weights, before[name])}
    assert changed
    assert not any(".feature_extractor." in name for name in changed)  # its convolutions stay in any case
    if frozen:
        assert not any(name.startswith("encoder.") for name in changed)
        assert any(name.startswith("adapter.") for name in changed)
    if window == 16_000:
        check_folder(run, tmp_path / "model")


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("architecture", ["hubert", "sew", "whisper"])
def test_what_is_written_is_what_was_learnt(
    foreign: Foreign, data: Labelled, tmp_path: Path, architecture: str, frozen: bool
) -> None:
    run = started(replace(RECIPE, frozen=frozen), foreign(architecture), data, tmp_path / "run")
    with torch.no_grad():
        for weights in run.model.parameters():  # new norms are all ones, and cannot be told apart
            weights.add_(torch.randn_like(weights) / 10)
    learnt = {name: weights.clone() for name, weights in run.model.state_dict().items()}
    export_adopted(run.model, run.gradients.extractor, tmp_path / "model", name="ours", licence="CC0-1.0", scores={})
    found = AutoModelForAudioClassification.from_pretrained(tmp_path / "model").state_dict()
    assert found.keys() == learnt.keys()
    assert [name for name, weights in learnt.items() if not torch.allclose(weights, found[name], atol=1e-6)] == []


def test_an_encoder_that_ends_in_an_adapter_is_taught(foreign: Foreign, data: Labelled, tmp_path: Path) -> None:
    """Frozen: transformers has no classifier for such a one."""
    shutil.copytree(foreign("wav2vec2"), tmp_path / "adapted")
    config = AutoConfig.from_pretrained(tmp_path / "adapted", add_adapter=True, output_hidden_size=24)
    Wav2Vec2Model(config).save_pretrained(tmp_path / "adapted")
    run = started(replace(RECIPE, frozen=True), tmp_path / "adapted", data, tmp_path / "run")
    run.train(lambda _: None)
    check_folder(run, tmp_path / "model")


def test_layers_that_are_summed_are_not_dropped(foreign: Foreign, data: Labelled, tmp_path: Path) -> None:
    run = started(replace(RECIPE, epochs=3), foreign("weighted"), data, tmp_path / "run")
    run.train(lambda _: None)
    check_folder(run, tmp_path / "model")


def test_a_short_window_is_taught(foreign: Foreign, data: Labelled, tmp_path: Path) -> None:
    run = started(replace(RECIPE, window_s=0.2), foreign("wav2vec2"), data, tmp_path / "run")
    run.train(lambda _: None)


@pytest.mark.parametrize("frozen", [False, True])
def test_moonshines_encoder_is_taught(foreign: Foreign, data: Labelled, tmp_path: Path, frozen: bool) -> None:
    run = started(replace(RECIPE, frozen=frozen), foreign("moonshine"), data, tmp_path / "run")
    run.train(lambda _: None)
    check_folder(run, tmp_path / "model")


@pytest.mark.parametrize("frozen", [False, True])
def test_it_learns_to_tell_tones_apart(foreign: Foreign, data: Labelled, tmp_path: Path, frozen: bool) -> None:
    recipe = replace(RECIPE, epochs=12, peak_rate=1e-2, frozen=frozen, class_weights=True, window_s=0.625)
    run = started(recipe, foreign("ast"), data, tmp_path / "run")
    losses: list[float] = []
    run.train(lambda figures: losses.append(figures["loss"]))
    assert np.mean(losses[-4:]) < 0.5 * np.mean(losses[:4])
    assert run.best == run.measure("validation")["accuracy"] == 1.0
    assert run.measure("test") == {}


def test_labels_count_alike_whatever_the_number_of_their_clips_and_noise_where_asked(
    foreign: Foreign, data: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = tuple(clip for clip in data.clips if clip.path.parts[-2:] != ("low", "7.wav"))
    run = started(replace(RECIPE, frozen=True), foreign("whisper"), replace(data, clips=clips), tmp_path / "run")

    def all_high(windows: NDArray[np.float32]) -> torch.Tensor:
        assert not run.model.training
        return torch.tensor([[1.0, 0.0, 0.0]] * len(windows))

    monkeypatch.setattr(run.gradients, "logits", all_high)
    heard = run.measure("validation")  # two high, one low, and as much noise as a word has on average
    assert heard == pytest.approx({"accuracy": 2 / 4, "per_label": 1 / 3, "clips": 4})
    spoken = run.measure("validation", noise=False)
    assert spoken == pytest.approx({"accuracy": 2 / 3, "per_label": 1 / 2, "clips": 3})


def test_rare_labels_count_more_only_where_the_recipe_says_so(foreign: Foreign, data: Labelled, tmp_path: Path) -> None:
    """By the clips that are learnt: two low ones, six high ones, and as much noise as of a word on average."""
    few = {f"{number}.wav" for number in range(4)}
    clips = tuple(clip for clip in data.clips if clip.label == "high" or clip.path.name not in few)
    window = np.random.default_rng(2).normal(0, 0.1, (1, 16_000)).astype(np.float32)
    losses = []
    for weighted in (False, True):
        recipe = replace(RECIPE, frozen=True, class_weights=weighted)
        run = started(recipe, foreign("whisper"), replace(data, clips=clips), tmp_path / "run")
        run.model.eval()
        losses.append([run.gradients.add(window, np.array([label])) for label in range(3)])
    ratios = [after / before for before, after in zip(*losses, strict=True)]
    assert ratios == pytest.approx([12 / (3 * count) for count in (6, 2, 4)])


def test_the_rate_rises_and_falls_over_all_epochs(
    foreign: Foreign, data: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[int, float]] = []
    monkeypatch.setattr(finetune.Gradients, "take_step", lambda _, step, rate, *__: taken.append((step, rate)))
    run = started(replace(RECIPE, epochs=3, frozen=True), foreign("whisper"), data, tmp_path / "run")
    told: list[tuple[float, float]] = []
    run.train(lambda figures: told.append((figures["step"], figures["rate"])))
    assert run.steps == 3 * run.steps_an_epoch
    assert taken == told == [(n + 1, finetuning_rate(n, run.steps, 1e-3)) for n in range(run.steps)]


def test_each_epoch_hears_other_windows_in_another_order_and_the_same_seed_the_same(
    foreign: Foreign, data: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each step draws its own dropout and masks, whatever has drawn before."""
    monkeypatch.setattr(finetune.Gradients, "take_step", lambda *_: None)

    def heard(seed: int) -> tuple[list[list[int]], list[NDArray[np.float32]], list[tuple[float, float]]]:
        run = started(replace(RECIPE, frozen=True, seed=seed), foreign("whisper"), data, tmp_path / "run")
        labels: list[list[int]] = [[], []]
        windows: list[list[NDArray[np.float32]]] = [[], []]
        drawn: list[tuple[float, float]] = []

        def add(some: NDArray[np.float32], truth: NDArray[np.intp]) -> float:
            assert run.model.training
            assert not run.model.encoder.training  # it is frozen
            epoch = run.step // run.steps_an_epoch
            labels[epoch].extend(truth.tolist())
            windows[epoch].extend(some)
            drawn.append((float(torch.rand(1)), float(np.random.rand())))
            return 0.0

        monkeypatch.setattr(run.gradients, "add", add)
        run.train(lambda _: None)
        ordered = [np.array(sorted(map(np.ndarray.tolist, epoch))) for epoch in windows]
        return labels, ordered, drawn

    labels, windows, drawn = heard(1)
    assert labels[0] != labels[1]
    assert not np.array_equal(windows[0], windows[1])
    assert len(set(drawn)) == len({one for one, _ in drawn}) == len({one for _, one in drawn}) == len(drawn)
    again, other = heard(1), heard(2)
    assert (again[0], again[2]) == (labels, drawn)
    assert all(map(np.array_equal, again[1], windows))
    assert other[0] != labels
    assert not np.array_equal(other[1][0], windows[0])
    assert not set(other[2]) & set(drawn)


def test_accumulated_batches_are_one_large_one(foreign: Foreign, data: Labelled, tmp_path: Path) -> None:
    found = []
    for batch, accumulate in ((8, 1), (2, 4)):
        recipe = replace(RECIPE, batch=batch, accumulate=accumulate, epochs=1)
        recipe = replace(recipe, window_s=0.625)
        run = started(recipe, foreign("ast"), data, tmp_path / f"{batch}")
        run.train(lambda _: None)
        found.append(run.model.state_dict())
    for name, weights in found[0].items():
        torch.testing.assert_close(found[1][name], weights, atol=2e-4, rtol=1e-3, msg=name)


def test_all_recordings_of_noise_are_learnt(
    foreign: Foreign, data: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch has six windows of silence."""
    noise = tuple(tmp_path / f"noise{number}.wav" for number in range(9))
    for path in noise:
        shutil.copy(data.noise[0], path)
    recipe = replace(RECIPE, frozen=True, window_s=0.2)
    run = started(recipe, foreign("whisper"), replace(data, noise=noise), tmp_path / "run")
    heard: list[Path] = []
    cut = run._reader._noise
    monkeypatch.setattr(run._reader, "_noise", lambda path, rng: (heard.append(path), cut(path, rng))[1])
    for epoch in range(recipe.passes(run.steps_an_epoch)):
        run.step = epoch * run.steps_an_epoch
        assert len(list(run._epoch(epoch))) == run.steps_an_epoch
    assert set(heard) == set(noise)


@pytest.mark.parametrize("batch", [4, 1])
def test_clips_that_cannot_be_read_are_left_out(foreign: Foreign, data: Labelled, tmp_path: Path, batch: int) -> None:
    """Even where nothing else is left of a step."""
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    clips = (replace(data.part("train")[0], path=tmp_path / "bad.wav"), *data.clips)
    recipe = replace(RECIPE, batch=batch, epochs=1)
    run = started(recipe, foreign("whisper"), replace(data, clips=clips), tmp_path / "run")
    steps: list[float] = []
    run.train(lambda figures: steps.append(figures["step"]))
    assert len(steps) == run.steps
    assert run.unreadable.found == {tmp_path / "bad.wav"}
