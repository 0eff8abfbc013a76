"""What is never sent, what is marked as data, and what of an answer is not shown as it came."""
