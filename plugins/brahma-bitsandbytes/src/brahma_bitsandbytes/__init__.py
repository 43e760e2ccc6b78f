"""Quantized layers and small optimizers for Brahma, by bitsandbytes (https://github.com/bitsandbytes-foundation/bitsandbytes)."""
