"""Tests of the measurements' own code."""
