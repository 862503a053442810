"""From recordings to a model folder: data, augmentation, the loop, export."""
