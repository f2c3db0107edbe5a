"""Is it true? Checks over bars as data, what becomes of rows that fail them, and the gate before publication.

`panel` holds bars as arrays; `rows` has the checks that need a row alone, whose failures are kept out (`screen`);
`neighbours` those that compare rows, which warn, since either of the two may be the wrong one;
`actions` holds factors against dividends and splits; `report` sums up, `gate` decides.
"""
