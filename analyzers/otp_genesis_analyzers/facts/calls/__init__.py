"""Questions about call sites: who calls whom, and what becomes of a value."""
