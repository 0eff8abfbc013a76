"""Documents and texts that are made to be looked at."""
