from tests.gateway.client.fixtures import certificates, gateway, key_file, machine

__all__ = ["certificates", "gateway", "key_file", "machine"]
