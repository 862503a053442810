"""Networks that score windows, and the only door to torch, transformers and ONNX Runtime at run time."""
