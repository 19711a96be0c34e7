"""Widgets that the panels are built of."""
