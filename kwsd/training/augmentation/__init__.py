"""What windows are made of in training: scenes of words, speech and noise, rooms, channels and gain control."""
