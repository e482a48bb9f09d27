"""Tests of fuzz, shrink and replay."""
