"""The life of a key in a run, what went wrong in it, and what usually repairs that."""
