"""Questions about telemetry handlers."""
