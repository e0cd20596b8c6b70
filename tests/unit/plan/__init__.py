"""Tests of natgate.plan."""
