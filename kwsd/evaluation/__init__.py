"""Measures how well the daemon hears: on clips, on streams with known words, and on hours of audio without any."""
