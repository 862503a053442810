"""Finds, fetches and loads models: from a name or a folder to verified files to a ready classifier."""

from kwsd.cards.model_card import DEFAULT_THRESHOLD, ModelCard
from kwsd.zoo.finding import find_model, read_card, shipped_models
from kwsd.zoo.loading import load_classifier
from kwsd.zoo.pulled import missing_id, pull_model, pulled_models, remove_model

__all__ = [
    "DEFAULT_THRESHOLD", "ModelCard", "find_model", "load_classifier", "missing_id", "pull_model", "pulled_models",
    "read_card", "remove_model", "shipped_models",
]  # fmt: skip
