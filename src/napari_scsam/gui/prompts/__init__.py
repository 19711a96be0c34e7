"""What the user marks to point at one object; no napari and no Qt, as the panel shows it, too."""
