"""Doing what takes long: progress, cancelling, consent, having the editor apply an edit."""
