"""Running programs that nobody vouches for: isolation, limits, an end that leaves nothing behind."""
