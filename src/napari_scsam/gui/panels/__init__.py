"""Panels of the widget: plain Qt, one file a panel, without napari and without the session."""
