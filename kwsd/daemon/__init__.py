"""The daemon, which connects sources, spotter and sinks, and starts, supervises and stops them."""
