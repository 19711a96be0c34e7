"""The client of a server that computes elsewhere; neither torch nor Qt is needed here."""
