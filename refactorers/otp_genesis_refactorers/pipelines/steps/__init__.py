"""The step types: a file here is one. Each is a model of its keys with a method `run`."""
