"""Whole volumes, larger than memory."""
