"""Deliberately broken versions of the reference sync: each has one defect that a check must find."""
