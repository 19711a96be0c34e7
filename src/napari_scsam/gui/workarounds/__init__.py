"""Workarounds: one file for each fault of napari, Qt or torch, with the version that has it."""
