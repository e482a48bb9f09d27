"""Finds a schedule under which a pipeline goes wrong, cuts it to what matters, and replays it."""
