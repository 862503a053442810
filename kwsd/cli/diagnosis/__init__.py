"""The checks of `kwsd doctor`."""
