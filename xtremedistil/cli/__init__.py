"""The command line: options as absl flags, and the commands."""
