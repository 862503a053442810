"""The daemon: sources, spotter and sinks joined, started, watched over and stopped."""
