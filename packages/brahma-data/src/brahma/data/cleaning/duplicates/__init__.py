"""Corpus steps that find what occurs twice, on disk and with bounded memory.

`keys` holds what the workers write, `grouping` finds equal keys among it, `clusters` joins documents that
share some; `exact`, `paragraphs` and `near` are the steps that stand on these.
"""
