"""Conversion: every layout of rows and container of files to every other, and nothing lost in silence."""
