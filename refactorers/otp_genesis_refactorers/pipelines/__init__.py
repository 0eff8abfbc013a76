"""Pipelines: workflows in YAML, run step by step, written down as they go, resumed when they were cut off.

`language` reads them and finds every mistake before anything runs; `steps` has the step types, one a file;
`engine` runs them; `journal` remembers; `running` is what the command line and the editor call; `builtin`
holds the pipelines that come with the tool.
"""
