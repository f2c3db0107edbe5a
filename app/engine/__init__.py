"""What IS HAPPENING: claims runs, executes them in child processes, watches leases. Knows no HTTP."""
