"""Find, read, write and publish checkpoints."""
