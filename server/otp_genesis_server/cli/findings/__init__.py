"""Findings in the formats of `check`."""
