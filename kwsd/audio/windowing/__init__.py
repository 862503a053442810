"""From numbered samples to windows: the ring, what fills it, and what cuts windows from it."""
