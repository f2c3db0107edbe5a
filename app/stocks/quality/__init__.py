"""Is it true? Checks over bars as data, what becomes of rows that fail them, and the gate before publication."""
