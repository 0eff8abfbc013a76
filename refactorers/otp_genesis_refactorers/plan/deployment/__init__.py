"""What phase 5 knows of the project: its feature flags, the order of its start, what it already measures."""
