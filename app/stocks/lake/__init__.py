"""The lake: each dataset is a set of immutable Parquet files, one a month, named after their content.

A run reads its base snapshot plus what it staged, and stages by writing new files that nobody names yet; the service names
them in one transaction (`app.definitions.lake`). `market_lake` is the face; `rows` and `merge` say what a row is and what an
upsert does, `parquet` and `writer` how files come to be, `cursor` and `reading` how they are read, `tidying` how they go.
"""
