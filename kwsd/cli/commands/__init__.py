"""One file for each command, with its options, its help and its output."""
