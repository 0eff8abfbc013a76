"""ExUnit tests for processes: made from the facts or by a model, and shown as proven only when they are.

A test is for a `Subject`, the process of one module: how a test starts it (`starting`), what its client
functions are given (`samples`) and answer (`answers`, or `recording` where mix may run). `cases` puts that
into tests, `writing` into a file. `proving` is the same for every test, whoever wrote it: it passes three
times in different orders, and notices when the code that it is meant for is broken (`mutants`).
"""
