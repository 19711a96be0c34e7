"""Files in and files out, lazily and without torch."""
