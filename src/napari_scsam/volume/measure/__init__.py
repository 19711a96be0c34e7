"""Measurement of objects: sizes, shapes, grey values, and contacts between objects."""
