"""From a trained network to what is run: model folders with card and graph, and ONNX files that need nothing else."""
