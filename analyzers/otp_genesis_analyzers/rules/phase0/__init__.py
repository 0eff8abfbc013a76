"""The tool's own codes: what it says of the comments that steer it."""
