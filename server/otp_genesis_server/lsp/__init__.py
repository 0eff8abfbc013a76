"""The language server: findings as diagnostics, fixes as code actions, the plan as a command.

`session` and `folder` hold what changes: open documents, workspace folders, what is known of each.
They live on the event loop and speak in core data; the slow parts run in threads on immutable
snapshots, and their results are dropped when the text has moved on. `to_lsp` and `from_lsp` are
the only places where core data meets protocol types. `features/` holds one handler a file, named
after its method, `features/commands/` one command a file; `app` finds both by looking.
"""
