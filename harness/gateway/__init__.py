"""The AWS endpoint: one app that finds out which service a request means and asks it."""
