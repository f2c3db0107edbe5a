"""Moving in: somebody's own files or DuckDB tables of bars become rows of the lake.

`bring` reads them whatever their encoding, `mapping` says which column means what, `units` judges by VWAP what its numbers are,
`canonical` writes one file in this library's own words. From there on it is the source `files` that takes it in: the same
screen, the same gate. `report` says what was found.
"""
