"""What EXECUTES: the child process's half. Imports definitions only: no SQL, no HTTP."""
