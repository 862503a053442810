"""Fine-tuning, by `kwsd train` without a full recipe: an encoder or a model of kwsd learns labels from clips."""
