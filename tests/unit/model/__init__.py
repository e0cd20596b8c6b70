"""Tests of natgate.model."""
