"""What a call costs, and how much may still be spent."""
