"""The supervision forest as a whole: every process that the code of a project is seen to start.

`process_forest` gives nested frozen data, a tree for each application and one for each supervisor
that nobody starts, and beside them what is started outside of every supervisor. Where part of a
list is only known at run time, the process says so: nothing is guessed, nothing left out in silence.
"""
