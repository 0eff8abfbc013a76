"""Questions about call sites: who calls whom, what becomes of a value, what a call waits for."""
