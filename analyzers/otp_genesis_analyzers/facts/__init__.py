"""What one file says about processes: `walk` reads it out of the tree once, `model` is what it gives.

The other files derive what rules ask for, one kind of question a file.
"""
