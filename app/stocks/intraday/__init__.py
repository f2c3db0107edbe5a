"""Bars of minutes: which minutes a session has, what cannot be true of them, and longer bars made of shorter ones."""
