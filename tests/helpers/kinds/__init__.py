"""Files of every kind that labs keep images in, each written by something else than its reader."""
