"""Reads and checks a model's files without running it: its card, a foreign config, or an ONNX file's metadata.

Also finds models in the Hub's cache. Imports neither torch nor transformers."""
