"""Recordings to learn and to measure from: where they lie, what is said in them, who is held out, how to mix them."""
