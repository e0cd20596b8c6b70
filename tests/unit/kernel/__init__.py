"""Tests of natgate.kernel."""
