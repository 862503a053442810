"""From numbered samples to windows: the ring buffer, the pump that fills it, and the readers that cut windows."""
