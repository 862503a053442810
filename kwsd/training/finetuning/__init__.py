"""What `kwsd train` does without a recipe of its own: an encoder or a model of kwsd learns labels from clips."""
