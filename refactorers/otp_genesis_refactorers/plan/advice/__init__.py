"""What a model adds to a plan: its order, its words, its proposals, taken only where they fit the code.

`question` says what is asked, `answer` what is to be answered, `check` makes advice of it and drops what is
about nothing that exists, `sections` puts it into documents. A plan is whole without it.
"""
