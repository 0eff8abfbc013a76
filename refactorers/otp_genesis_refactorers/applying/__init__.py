"""A change on an overlay, on disk, as a diff, from a diff."""
