"""Phase 1: critical fixes."""
