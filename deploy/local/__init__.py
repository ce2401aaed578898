"""The local stack: Redis and OpenBao on loopback, with certificates, users and policies."""
