"""One object in an array of labels: find, cut, shape and walk along it."""
