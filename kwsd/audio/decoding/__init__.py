"""Decoding of recordings and pipes, and detection of truncated ones."""
