"""What Openbell must reach, measured: each prints its ratio to the thing it is held against, taken in the same run."""
