"""All that decides what is heard by a given classifier, shared by the daemon, the evaluations and the benchmark."""

from __future__ import annotations

from dataclasses import dataclass, field

from kwsd.classifier import Classifier
from kwsd.config import ModelConfig
from kwsd.samples import RATE
from kwsd.spotting.gate import GateSettings
from kwsd.spotting.spotter import Spotter
from kwsd.spotting.trigger import TriggerSettings


@dataclass(frozen=True, slots=True)
class SpottingSettings:
    """How windows are cut, and which of them are scored and fire.

    Windows are `window` samples long and `hop` samples apart. The `gate` is in use if `gated`; its settings are there
    without it, too, as evaluations measure both. `coarse` and `about`, in samples or None, are those of `Spotter`.
    """

    trigger: TriggerSettings = field(default_factory=TriggerSettings)
    gate: GateSettings = field(default_factory=GateSettings)
    gated: bool = True
    hop: int = ModelConfig().hop
    window: int = RATE
    about: int | None = None
    coarse: int | None = None

    @property
    def gate_in_use(self) -> GateSettings | None:
        """The gate's settings; None if it is not in use."""
        return self.gate if self.gated else None

    def spotter(self, classifier: Classifier) -> Spotter:
        """A new spotter. Raises ConfigError as `Spotter` does."""
        return Spotter(classifier, gate=self.gate_in_use, trigger=self.trigger, coarse=self.coarse, about=self.about)

    def retune(self, spotter: Spotter) -> None:
        """Let a spotter go on with this gate, trigger and `coarse`. Raises as `Spotter.adopt` does."""
        spotter.adopt(gate=self.gate_in_use, trigger=self.trigger, coarse=self.coarse)
