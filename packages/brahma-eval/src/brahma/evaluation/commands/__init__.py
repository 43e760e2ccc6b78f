"""The commands of brahma-eval."""
