"""Splitting: rows of files into training, validation and test files, what belongs together on one side."""
