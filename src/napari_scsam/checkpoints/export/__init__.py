"""Checkpoints for other programs: ONNX for the class path, and packages of bioimage.io."""
