"""What a step makes of the gradients that were gathered for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kwsd.errors import ConfigError
from kwsd.training.finetuning.gradients import Gradients, half_precision


class Linear(torch.nn.Module):
    """Three labels of windows of four samples, the same weights each time."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.layer = torch.nn.Linear(4, 3)

    def forward(self, input_values: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.layer(input_values))


class Extractor:
    """Hands on what it is given."""

    rate = 16_000

    def __call__(self, windows: NDArray[np.float32]) -> dict[str, torch.Tensor]:
        return {"input_values": torch.from_numpy(windows)}


@pytest.fixture
def gradients() -> Gradients:
    extractor: Any = Extractor()
    return Gradients(Linear(), extractor, [1.0, 1.0, 1.0], "cpu")


RANDOM = np.random.default_rng(7)
WINDOWS = RANDOM.normal(0, 0.1, (8, 4)).astype(np.float32)
LABELS = RANDOM.integers(0, 3, 8).astype(np.intp)


def gathered(gradients: Gradients, size: int) -> list[torch.Tensor]:
    """The gradients over all windows, added in batches of a size."""
    for start in range(0, len(WINDOWS), size):
        gradients.add(WINDOWS[start : start + size], LABELS[start : start + size])
    return [weights.grad.clone() for weights in gradients.model.parameters()]


@pytest.fixture
def stepped(gradients: Gradients, monkeypatch: pytest.MonkeyPatch) -> list[list[torch.Tensor]]:
    """The gradients along which each step was taken."""
    taken: list[list[torch.Tensor]] = []

    def step() -> None:
        taken.append([weights.grad.clone() for weights in gradients.model.parameters()])

    monkeypatch.setattr(gradients._optimizer, "step", step)
    return taken


def test_a_step_goes_along_the_mean_over_the_windows_whatever_the_batches(
    gradients: Gradients, stepped: list[list[torch.Tensor]]
) -> None:
    for step, size in enumerate((8, 4, 3), start=1):
        total = gathered(gradients, size)
        gradients.take_step(step, 0.1, 1.0, len(WINDOWS))
        torch.testing.assert_close(stepped[-1], [each / len(WINDOWS) for each in total])
        torch.testing.assert_close(stepped[-1], stepped[0])


def test_windows_that_are_heard_twice_count_as_one_large_batch(
    gradients: Gradients, stepped: list[list[torch.Tensor]]
) -> None:
    gathered(gradients, 8)
    gradients.take_step(1, 0.1, 1.0, len(WINDOWS))
    gathered(gradients, 8)
    gathered(gradients, 8)
    gradients.take_step(2, 0.1, 1.0, 2 * len(WINDOWS))
    torch.testing.assert_close(stepped[1], stepped[0])


def test_a_long_gradient_is_cut_to_a_norm_of_one(gradients: Gradients, stepped: list[list[torch.Tensor]]) -> None:
    total = [1e3 * each for each in gathered(gradients, 8)]
    for weights, wanted in zip(gradients.model.parameters(), total, strict=True):
        weights.grad = wanted.clone()
    gradients.take_step(1, 0.1, 1.0, len(WINDOWS))
    norm = torch.cat([each.flatten() for each in total]).norm()
    torch.testing.assert_close(stepped[0], [each / norm for each in total])


def test_a_step_goes_at_its_rate_and_shrinks_the_weights_a_little(gradients: Gradients) -> None:
    """The first step of AdamW goes by the rate itself, whatever the length of the gradient."""
    before = [weights.detach().clone() for weights in gradients.model.parameters()]
    signs = [each.sign() for each in gathered(gradients, 8)]
    gradients.take_step(1, 0.1, 1.0, len(WINDOWS))
    for weights, first, sign in zip(gradients.model.parameters(), before, signs, strict=True):
        torch.testing.assert_close(weights, (1 - 0.1 * 0.01) * first - 0.1 * sign, atol=1e-5, rtol=0)


def test_a_label_counts_in_the_loss_by_its_weight() -> None:
    extractor: Any = Extractor()
    losses = [Gradients(Linear(), extractor, [1.0, 1.0, one], "cpu").add(WINDOWS, LABELS) for one in (0.0, 1.0, 3.0)]
    assert (LABELS == 2).any()
    assert 0 < losses[0] < losses[1]
    assert losses[2] - losses[1] == pytest.approx(2 * (losses[1] - losses[0]))


def test_an_encoder_of_another_rate_hears_windows_at_its_own() -> None:
    heard: list[NDArray[np.float32]] = []

    class Slower(Extractor):
        rate = 8_000

        def __call__(self, windows: NDArray[np.float32]) -> dict[str, torch.Tensor]:
            heard.append(windows)
            return super().__call__(windows[:, :4])

    extractor: Any = Slower()
    Gradients(Linear(), extractor, [1.0, 1.0, 1.0], "cpu").logits(np.ones((2, 16_000), np.float32))
    assert heard[0].shape == (2, 8_000)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_no_step_is_taken_where_the_loss_is_no_number(gradients: Gradients, loss: float) -> None:
    gathered(gradients, 8)
    before = [weights.detach().clone() for weights in gradients.model.parameters()]
    with pytest.raises(ConfigError, match="step 3: the loss is"):
        gradients.take_step(3, 0.1, loss, len(WINDOWS))
    assert all(torch.equal(now, then) for now, then in zip(gradients.model.parameters(), before, strict=True))


def test_a_scaled_gradient_is_taken_for_what_it_is(gradients: Gradients, stepped: list[list[torch.Tensor]]) -> None:
    """As on a GPU that computes in float16."""
    plain = [each / len(WINDOWS) for each in gathered(gradients, 8)]
    gradients.take_step(1, 0.1, 1.0, len(WINDOWS))
    gradients._scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    gathered(gradients, 8)
    gradients.take_step(2, 0.1, 1.0, len(WINDOWS))
    torch.testing.assert_close(stepped, [plain, plain])


def test_a_scale_that_is_too_large_costs_a_step_and_is_lowered(
    gradients: Gradients, stepped: list[list[torch.Tensor]]
) -> None:
    gradients._scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    gathered(gradients, 8)
    gradients.take_step(1, 0.1, 1.0, len(WINDOWS))
    assert stepped == []
    assert gradients._scaler.get_scale() == 2.0**126


def scaling(gradients: Gradients) -> Gradients:
    """As on a GPU that computes in float16."""
    gradients._scaler = torch.amp.GradScaler("cpu", init_scale=512.0)
    gathered(gradients, 8)
    gradients.take_step(1, 0.1, 1.0, len(WINDOWS))
    return gradients


def test_a_run_goes_on_on_another_device(gradients: Gradients) -> None:
    extractor: Any = Extractor()
    unscaled = gradients.state()
    scaled = scaling(gradients).state()
    scale = gradients._scaler.get_scale()
    gradients.restore(unscaled)
    assert gradients._scaler.get_scale() == scale
    elsewhere = Gradients(Linear(), extractor, [1.0, 1.0, 1.0], "cpu")
    elsewhere.restore(scaled)
    assert not elsewhere._scaler.is_enabled()
    elsewhere._scaler = torch.amp.GradScaler("cpu")
    elsewhere.restore(scaled)
    assert elsewhere._scaler.get_scale() == 512.0


@pytest.mark.parametrize(("major", "dtype"), [(7, torch.float16), (8, torch.bfloat16)])
def test_an_older_gpu_is_not_made_to_imitate_bfloat16(
    monkeypatch: pytest.MonkeyPatch, major: int, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(major=major))
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda _: True)
    assert half_precision() is dtype
