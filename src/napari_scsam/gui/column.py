"""The column that napari docks the widget in."""

COLUMN_WIDTH = 390
"""Pixels that it asks for, with some room for a larger font."""
