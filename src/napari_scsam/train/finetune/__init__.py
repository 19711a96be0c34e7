"""Fine-tuning a model on corrected labels, without forgetting what it knew."""
