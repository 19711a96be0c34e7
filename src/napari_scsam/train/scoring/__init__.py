"""Scores of classes and clicks on labelled volumes."""
