"""Scores: per trade date, over the whole universe, a weighted mean of standardised factors, and its percentile.

`cross_section` is the arithmetic of one month as matrices of dates x instruments, `universe` who takes part, `weights` what
counts, `calculate` goes through the months that changed.
"""
