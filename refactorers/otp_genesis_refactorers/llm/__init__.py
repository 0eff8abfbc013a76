"""Models: one small interface in front of the vendors' own SDKs.

`conversation.py` has the data, `failures.py` what can go wrong, `connecting.py` opens a connection to a
model that the user's settings name, `asking.py` asks. What a repository says is fenced (`fencing.py`),
filtered (`withholding.py`) and only ever data. No SDK is loaded before a model is first asked.
"""
