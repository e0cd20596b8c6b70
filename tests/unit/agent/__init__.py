"""Tests of natgate.agent."""
