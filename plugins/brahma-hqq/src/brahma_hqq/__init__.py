"""Base models in few bits by half-quadratic quantization (https://github.com/dropbox/hqq)."""
