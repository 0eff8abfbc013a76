"""The outermost ring: the command line and the language server. The only one that prints."""

VERSION = "0.1.0"
