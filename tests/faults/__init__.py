"""Faults on purpose, with real processes and real databases: what dies, is cut or comes late must lose nothing."""
