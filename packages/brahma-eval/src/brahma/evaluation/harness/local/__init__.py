"""Tasks' data from the user's own files: `--data-dir`. Files in people's shapes become what the tasks expect."""
