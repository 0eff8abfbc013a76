"""Questions about waiting: what a call waits for, how long, and who waits with it."""
