"""What leaves and enters the window as files: labels, training sets, checkpoints."""
