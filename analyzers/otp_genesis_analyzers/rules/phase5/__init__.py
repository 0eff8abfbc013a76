"""Phase 5: integration and rollout."""
