"""Edits of a supervision tree, and what must hold before one is made."""
