"""Mending a finding with a model: the context it is given, the edits it answers with, the proof of them.

`mend.py` is the loop. The rule's own fix comes first, and what a model answers is never believed: its edits
are anchored exactly (`anchors.py`), stay where the finding reaches (`answer.py`), and pass the same gates as
any other change. What does not pass is a proposal, to be looked at with what failed.
"""
