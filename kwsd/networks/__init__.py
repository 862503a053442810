"""Networks that score windows, and the only door to torch and transformers at run time."""
