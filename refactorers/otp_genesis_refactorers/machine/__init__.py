"""This machine and its user: which Elixir, what was consented to, where things are kept."""
