"""What HAPPENED: the only SQL of the service. Every function takes a connection first and never commits."""
