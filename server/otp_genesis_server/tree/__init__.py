"""The supervision forest for people and programs: text, Mermaid, SVG, Markdown, JSON.

`drawing` turns processes into what is to be read; the renderers only lay that out. Each escapes what
its format would take for more than text: the names come out of code that anybody may have written.
"""
