"""Tests of natgate.store."""
