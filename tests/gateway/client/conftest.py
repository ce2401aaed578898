from tests.gateway.client.fixtures import certificates, client, gateway, key_file, machine

__all__ = ["certificates", "client", "gateway", "key_file", "machine"]
