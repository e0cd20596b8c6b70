"""Tests of natgate.cloud."""
