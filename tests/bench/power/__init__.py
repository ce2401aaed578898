"""Tests of the power cut's pure parts."""
