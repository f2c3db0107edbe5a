"""Factors of one's own: a small function of a user's op module becomes a column of the dataset `factors`.

`declare` is the decorator and knows what is registered, `inputs` what a function is given, `call` asks it and checks its answer,
`honesty` sees that it neither looks ahead nor further back than it says, `due` decides what must be calculated, `calculate`
does it, `report` says how good a factor is.
"""
