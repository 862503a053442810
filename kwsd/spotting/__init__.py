"""From windows to detections: the gate, the trigger, and the spotter that combines them with a classifier."""
