"""Sound on its way in: sources of 16 kHz mono int16 blocks, the ring that numbers them, and the windows cut from it.

Nothing is imported here, so that `kwsd --help` does not load numpy, PortAudio or libsndfile.
"""
