"""Tools that make recordings to train on, each run by hand."""
