"""Indicators of every instrument and traded day, from raw bars and factors.

They stand on back-adjusted prices, so that a new factor changes no past value, and each instrument is always calculated whole:
an incremental run gives bit for bit what a full one gives. `technical` and `kdj` hold the formulas, `fundamental` the
point-in-time join, `touched` decides what must be calculated again, `calculate` does it in blocks of instruments.
"""
