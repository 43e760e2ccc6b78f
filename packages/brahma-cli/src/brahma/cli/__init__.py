"""The `brahma` command: it collects the commands that packages and plugins register, and runs one."""
