"""Tests of natgate.wire."""
