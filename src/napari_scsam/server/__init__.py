"""A server that runs networks for clients elsewhere."""
