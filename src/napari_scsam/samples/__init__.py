"""Images to try the program on."""
