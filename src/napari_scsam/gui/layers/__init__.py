"""Napari layers and their coordinates, without the session."""
