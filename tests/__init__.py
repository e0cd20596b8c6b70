"""Tests: unit (pure, no process, no socket), kernel (a network namespace of its own), lab."""
