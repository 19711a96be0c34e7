"""Correcting objects: the tools, the work they do, locks, and going from object to object."""
