"""The microphone: a process of its own that captures, and the handle that the daemon has of it."""
