"""Phase 4: testing and communication."""
