"""`brahma quickstart`: real text that every machine has, a model trained from it, and an honest figure.

The text is the source and the documentation strings of the running Python's own standard library.
"""
