"""What every room needs of the machine: files, parts, locks, signals, progress, workers."""
