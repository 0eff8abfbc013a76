"""Phase 3: which process does what."""
