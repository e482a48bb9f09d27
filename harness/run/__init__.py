"""The loop: from a scenario to a verdict."""
