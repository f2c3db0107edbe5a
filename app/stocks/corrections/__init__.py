"""Values that people put right: `over` puts them over what a source says, `proposal` says whether one may be made.

A correction is of one value: dataset, instrument, trade date, column. It stands in the dataset `corrections` until it is
withdrawn, and is applied to every delivery before its rows are screened, so that the next sync and a refetch keep it.
"""
