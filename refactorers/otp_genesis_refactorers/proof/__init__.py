"""A change through all gates, and the record of it."""
