"""Executors for Brahma's data work, by datatrove (https://github.com/huggingface/datatrove)."""
