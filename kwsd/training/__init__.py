"""Trains networks from recordings: data, augmentation and the training loop."""
