"""Questions about the state of a server: its fields, who touches them, whether it is kept."""
