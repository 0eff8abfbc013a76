"""One command a file: COMMAND, `handle(ls, arguments)` with one object, perhaps REQUEST."""
