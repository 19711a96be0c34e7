"""Networks that were made elsewhere: ONNX and TorchScript files behind a card of ours."""
