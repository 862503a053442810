"""Exports trained networks: as model folders with card and graph, and as self-contained ONNX files."""
