"""Openbell: job control for market-data pipelines. The folders are the journey of a run (docs/architecture.md)."""
