"""Builds training windows: scenes of words, speech and noise, heard through rooms, channels and gain control."""
