"""From windows to detections: the gate, the trigger, and the spotter that joins them to a classifier."""
