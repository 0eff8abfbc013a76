"""Questions about tests: what they start, end, change and sleep for."""
