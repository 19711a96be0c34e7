"""An annotation project and the window that shows it."""
