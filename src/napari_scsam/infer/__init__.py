"""Embeddings, prediction and everything that turns logits into labels."""
