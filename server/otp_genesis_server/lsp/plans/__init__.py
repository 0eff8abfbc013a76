"""The plan documents in the editor: read, followed as the code changes, and carried out."""
