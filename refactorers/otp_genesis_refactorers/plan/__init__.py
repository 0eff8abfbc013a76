"""The refactor plan: five phases as Markdown documents, which a person may edit like any other text.

`from_findings` makes the steps, `markdown` writes and reads documents, `merge` brings one up to date
without touching what a person did to it, `documents` does that to the six files on disk. `following` says
what is left of the items as the code changes, `outcome` writes into them what became of them.
"""
