"""Tests of the lab with real packets."""
