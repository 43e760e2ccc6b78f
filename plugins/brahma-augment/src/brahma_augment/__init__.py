"""Augmenters for Brahma."""
