"""What git knows of a project, asked so that nothing of the repository runs."""
