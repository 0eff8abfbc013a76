"""The language of pipelines: YAML to a checked `Pipeline`, or every mistake with its line and column.

`yaml_text` reads, `step_types` and `model` say what may stand where, `templates` and `conditions` hold the
parts that are worked out while it runs, `names` knows which of their names exist, `loading` puts it together.
"""
