"""Fixtures for all tests."""

from tests.servers.fixtures import clean_servers, servers

__all__ = ["clean_servers", "servers"]
