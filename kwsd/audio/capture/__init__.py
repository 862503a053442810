"""The microphone: a separate process that captures audio, and the daemon's handle on it."""
