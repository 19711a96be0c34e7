"""Classes that strokes teach: what is kept, learned, found and shared."""
