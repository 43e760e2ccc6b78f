"""Configuration: what a run is told, where each value came from, and what is wrong with it."""
