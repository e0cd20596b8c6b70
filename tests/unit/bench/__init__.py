"""Unit tests of what the benches make of their figures."""
