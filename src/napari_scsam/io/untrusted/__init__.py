"""Checks of files from elsewhere, before a library decodes them."""
