"""The annotation project on disk, its review, and the training sets it exports."""
