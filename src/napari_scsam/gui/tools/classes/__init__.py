"""Editing the list of classes."""
