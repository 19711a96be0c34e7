"""What the mouse does on the image: the tool that is active, clicks, lines and rectangles."""
