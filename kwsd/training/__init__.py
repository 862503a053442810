"""From recordings to a trained network: data, augmentation, the loop."""
