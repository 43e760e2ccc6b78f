"""The command-line verbs of brahma-data, one file each."""
