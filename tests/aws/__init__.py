"""Tests against an EC2 of moto, which listens on loopback."""
