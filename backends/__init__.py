"""Connections that gateway and workers share: Redis over mutual TLS, Vault, the keyring source."""
