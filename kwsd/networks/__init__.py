"""Networks that score windows; at run time, only this package imports torch, transformers and ONNX Runtime."""
