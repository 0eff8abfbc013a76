"""Phase 2: state that must outlive its process."""
