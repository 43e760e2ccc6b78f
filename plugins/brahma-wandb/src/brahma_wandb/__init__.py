"""Brahma's metrics in Weights & Biases (https://wandb.ai)."""
