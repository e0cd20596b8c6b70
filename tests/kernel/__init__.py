"""Tests against the real kernel, each in a network namespace of its own."""
