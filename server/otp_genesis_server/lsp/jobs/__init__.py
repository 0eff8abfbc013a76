"""The work behind commands and actions, on what the editor shows. It runs in threads."""
