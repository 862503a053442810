"""Recordings for training and measuring: finding and decoding them, their transcripts and splits, and mixing noise."""
