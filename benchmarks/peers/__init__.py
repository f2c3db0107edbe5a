"""Peers that keep what they did, measured beside Openbell on the same machine in the same run: `python -m benchmarks.peers`."""
