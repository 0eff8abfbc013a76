"""How the facts are read out of the tree, once."""
