"""The shipped ops, by what they do: load, complete and validate bars; calculate, score and save."""
