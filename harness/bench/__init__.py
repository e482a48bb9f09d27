"""Measures the parts of the harness against what else one could use in their place."""
