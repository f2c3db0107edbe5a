"""What goes in and what comes out: a model for each thing. Inputs refuse what they do not know; outputs show what they name."""
