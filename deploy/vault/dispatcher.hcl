# The dispatcher passes sealed bytes on; it signs nothing and reads no secret.

path "countersign-config/data/keyring" {
  capabilities = ["read"]
}
