"""An optimizer, an augmenter and a tracker for Brahma."""
