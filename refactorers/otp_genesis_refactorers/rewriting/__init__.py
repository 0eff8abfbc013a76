"""Rewriting Elixir on its syntax tree: the shared parts of the fixes. Bytes that need not change are kept."""
