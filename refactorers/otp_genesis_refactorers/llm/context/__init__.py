"""What a model is told of a finding, read out of the facts, within a budget of tokens.

What does not change from one finding to the next comes first, byte for byte the same, so that vendors can
keep it: the rule's page, the supervision tree, the modules. What is about this finding comes last.
"""
