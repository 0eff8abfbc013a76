"""Questions about atoms: what they are made of, and whether it was checked."""
