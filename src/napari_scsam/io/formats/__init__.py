"""One file for each format of images: a function that takes a path and returns a `Source`."""
