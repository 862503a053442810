"""How well the daemon hears: clips, streams with known words, and hours that hold none."""
