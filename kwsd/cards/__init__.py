"""What a model's files say of it, read and checked without running it: its card, somebody else's config, an ONNX file's
metadata, and where the Hub's cache keeps them. No torch, no transformers."""
