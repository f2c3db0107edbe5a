"""One router for each noun; an endpoint calls the manager and nothing else."""
