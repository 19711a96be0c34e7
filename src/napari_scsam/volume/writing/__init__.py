"""Where the labels of a run go, and which slices are done."""
