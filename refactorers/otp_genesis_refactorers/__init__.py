"""Changes code and proves it: fixes, plans, and what they write. Knows files, knows no editor."""
