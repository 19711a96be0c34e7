"""Losses, data sets and the training loops."""
