"""Instances of whole volumes: each object of a class has a number of its own."""
