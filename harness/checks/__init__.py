"""What must be true after a run: one claim a file, each a pure function of the evidence."""
