"""Countersign: the backends package."""
