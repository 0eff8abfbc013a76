"""Questions about ETS tables."""
