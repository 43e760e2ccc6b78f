"""Tasks' rows from the user's own files, `--data-dir`: people's shapes become what the tasks expect."""
