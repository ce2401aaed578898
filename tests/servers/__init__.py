"""The real servers, for tests."""
