"""Surfaces of objects as triangle meshes, in physical units."""
