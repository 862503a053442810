"""Fine-tunes an encoder, a foreign one or kwsd's own, on new labels: all of it or, if frozen, only what is on top."""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from kwsd.errors import DeviceError
from kwsd.labels import SILENCE, UNKNOWN, can_fire, spelt
from kwsd.networks.auto_classifier import FeatureExtractor
from kwsd.training import checkpoint
from kwsd.training.finetuning.data_warnings import hardly_judged
from kwsd.training.finetuning.examples import Example, Examples, Kind, epoch_order, examples_of, in_turn
from kwsd.training.finetuning.gradients import Gradients
from kwsd.training.finetuning.labelled import Labelled, weights_of
from kwsd.training.finetuning.recipe import FinetuneRecipe
from kwsd.training.finetuning.unlike import Progress, unlike_others
from kwsd.training.finetuning.unreadable import Unreadable
from kwsd.training.rates import finetuning_rate

COLUMNS = ("step", "seconds", "loss", "rate", "validation_accuracy", "validation_per_label", "validation_clips")
"""The columns of the journal."""

Report = Callable[[dict[str, float]], None]
"""Called after every step with its number, loss and rate; at an epoch's end with the validation figures as well."""

_KEEP_S = 300.0
"""The most seconds between checkpoints, plus one step, whose duration depends on the encoder and the machine."""


class Finetuning:
    """A run over labelled clips that can be interrupted after any step and resumed."""

    before = 0

    def __init__(
        self, recipe: FinetuneRecipe, model: Any, extractor: FeatureExtractor, data: Labelled, folder: Path, device: str
    ) -> None:
        self.recipe, self.folder, self.device = recipe, folder, device
        self._labels, self._noise = data.labels, data.noise
        self.model = model.to(device)
        self._train = examples_of(data, "train", recipe.window)
        held = {split: examples_of(data, split, recipe.window) for split in ("validation", "test")}
        self._held = {split: in_turn(examples, data.noise, recipe.seed, 0) for split, examples in held.items()}
        self.unreadable = Unreadable(len(data.clips) + len(data.noise))
        silence = data.labels.index(SILENCE) if SILENCE in data.labels else None
        self._reader = Examples(recipe.window, recipe.seed, self.unreadable, silence=silence)
        self.hears_talk = any(
            example.kind is Kind.SPEECH and data.labels[example.label] == UNKNOWN for example in self._train
        )
        learnt = [data.labels[example.label] for example in self._train]
        weights = weights_of(learnt, data.labels) if recipe.class_weights else [1.0] * len(data.labels)
        self.gradients = Gradients(self.model, extractor, weights, device)
        a_step = recipe.batch * recipe.accumulate
        self.steps_an_epoch = -(-len(self._train) // a_step)
        self.steps = self.steps_an_epoch * recipe.passes(self.steps_an_epoch)
        self._takes_last = bool(hardly_judged(data))
        self.step = 0
        self.best = -1.0
        self._kept_at = time.monotonic()

    def resume(self) -> bool:
        """Resume from the folder's checkpoint, if there is one. Raises InputError for an unusable one."""
        state = checkpoint.restore(self._checkpoint)
        if state is None:
            return False
        with checkpoint.of_this_run(self._checkpoint):
            self.model.load_state_dict(state["model"])
            self.gradients.restore(state)
            self.step, self.best = state["step"], state["best"]
        return True

    def unlike_others(self, known: Collection[str], progress: Progress) -> Iterator[tuple[str, list[Path], int]]:
        """The words with clips that do not sound like the others, these clips, and how many clips there are.

        To be asked before kwsd's own network learns; the words that it has `known` before are left out. It hears up to
        a hundred clips of each other word, which may take minutes: `progress` gets how many, and of how many.
        """
        labels = self._labels
        if UNKNOWN not in labels:
            return
        talk = labels.index(UNKNOWN)
        new = {column for column, label in enumerate(labels) if can_fire(label) and spelt(label, known) not in known}
        everything = itertools.chain(self._train, *self._held.values())
        examples = [example for example in everything if example.label in new | {talk}]
        network, extractor = self.model, self.gradients.extractor
        for column, odd, count in unlike_others(network, extractor, self._reader, examples, talk, progress):
            yield labels[column], odd, count

    def keep(self) -> None:
        """Write the checkpoint."""
        state = {
            "model": self.model.state_dict(),
            "step": self.step,
            "best": self.best,
            **self.gradients.state(),
        }
        checkpoint.save(state, self._checkpoint)
        self._kept_at = time.monotonic()

    def train(self, report: Report, settled: Callable[[], None] = lambda: None) -> None:
        """Take all remaining steps, then load the best network by the validation clips, or the last if these are few.

        After each step `settled` is called, where the run may be interrupted.

        Raises:
            ConfigError: the network has diverged, because of too high a rate.
            DeviceError: the GPU's memory does not hold a batch; the text says which size would fit.
            InputError: too many clips cannot be read.
        """
        while self.step < self.steps:
            epoch = self.step // self.steps_an_epoch
            for loss in self._epoch(epoch):
                figures = {"step": self.step + 1.0, "loss": loss, "rate": self._rate}
                self.step += 1
                ends_epoch = self.step % self.steps_an_epoch == 0
                if ends_epoch:
                    figures |= {f"validation_{key}": value for key, value in self.measure("validation").items()}
                    self._choose(figures.get("validation_accuracy", float(epoch)))
                report(figures)  # before the checkpoint: on resuming, the journal loses the steps after it
                if ends_epoch or time.monotonic() - self._kept_at >= _KEEP_S:
                    self.keep()
                settled()
        chosen = checkpoint.restore(self._chosen)
        if chosen is not None:
            self.model.load_state_dict(chosen)

    @torch.inference_mode()
    def measure(self, split: str, *, noise: bool = True) -> dict[str, float]:
        """The accuracy over the clips of a split, its mean over the labels, and their number; empty without clips.

        With `noise`, windows cut from recordings of noise count as well, though the network has learnt from the same
        recordings.
        """
        self.model.eval()
        right: list[NDArray[np.bool_]] = []
        truth: list[NDArray[np.intp]] = []
        held = [(n, example) for n, example in enumerate(self._held[split]) if noise or example.kind is not Kind.NOISE]
        for windows, labels, _ in self._reader.batches(held, self.recipe.batch, None):
            if not len(labels):
                continue
            best = self.gradients.logits(windows).argmax(dim=-1).cpu().numpy()
            right.append(best == labels)
            truth.append(labels)
        if not truth:
            return {}
        hits, labels = np.concatenate(right), np.concatenate(truth)
        each = [float(hits[labels == label].mean()) for label in np.unique(labels)]
        return {"accuracy": float(hits.mean()), "per_label": float(np.mean(each)), "clips": float(len(hits))}

    def _epoch(self, epoch: int) -> Iterator[float]:
        """Take the epoch's remaining steps; yields the loss of each."""
        a_step = self.recipe.batch * self.recipe.accumulate
        order = epoch_order(len(self._train), self.recipe.seed, epoch)
        order = order[(self.step - epoch * self.steps_an_epoch) * a_step :]
        examples = in_turn(self._train, self._noise, self.recipe.seed, epoch)
        chosen: list[tuple[int, Example]] = [(int(number), examples[number]) for number in order]
        self._learn_mode()
        done, loss, heard = 0, 0.0, 0
        for windows, labels, taken in self._reader.batches(chosen, self.recipe.batch, epoch):
            loss += self._learn(windows, labels) if len(labels) else 0.0
            heard += len(labels)
            done += taken
            if done % a_step == 0 or done == len(chosen):
                if heard:
                    self.gradients.take_step(self.step + 1, self._rate, loss / heard, heard)
                yield loss / max(1, heard)  # the caller counts the step
                loss, heard = 0.0, 0
                self._learn_mode()

    def _learn_mode(self) -> None:
        seed = 1_000_003 * self.recipe.seed + self.step  # by the step: a resumed run has the same dropout and masks
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # transformers draws SpecAugment's masks from the global one
        self.model.train()
        if self.recipe.frozen:
            self.model.encoder.eval()

    def _learn(self, windows: NDArray[np.float32], labels: NDArray[np.intp]) -> float:
        """Add the gradient of a batch's summed loss; returns that sum."""
        with contextlib.suppress(torch.cuda.OutOfMemoryError):
            return self.gradients.add(windows, labels)
        # Only now, as the error holds the frames that it went through, and with them all that the batch had allocated.
        fits = self.gradients.fitting(windows, labels)
        if fits == 0:
            raise DeviceError("the GPU has no memory for a single window: free some, or --device cpu")
        batch = self.recipe.batch
        raise DeviceError(
            f"the GPU has no memory for batches of {batch}: --batch {fits} would fit, with --accumulate "
            f"{math.ceil(batch * self.recipe.accumulate / fits)} for the same steps"
        )

    def _choose(self, accuracy: float) -> None:
        """Save the network if none was better, or in any case if the validation clips are too few to choose by."""
        if accuracy >= self.best or self._takes_last:
            self.best = accuracy
            checkpoint.save(self.model.state_dict(), self._chosen)

    @property
    def _rate(self) -> float:
        return finetuning_rate(self.step, self.steps, self.recipe.rate)

    @property
    def _checkpoint(self) -> Path:
        return self.folder / checkpoint.CHECKPOINT

    @property
    def _chosen(self) -> Path:
        return self.folder / checkpoint.BEST
