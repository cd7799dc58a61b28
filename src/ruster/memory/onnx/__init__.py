"""Models of the ONNX runtime: their files, their tokens, and the thread they run in."""
