"""The commands of brahma-core: each parses, makes one call, and prints."""
