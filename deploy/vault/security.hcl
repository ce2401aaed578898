# The security team registers producers, grants them secrets, and rotates keys. It reads no secret.

path "countersign-config/*" {
  capabilities = ["create", "read", "update", "patch", "delete", "list"]
}

path "countersign-secrets/data/producers/*" {
  capabilities = ["create", "update", "delete"]
}

path "countersign-secrets/metadata/producers" {
  capabilities = ["list"]
}

path "countersign-secrets/metadata/producers/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

# Which jobs still have secrets: names alone, to see that settled jobs left none behind.
path "countersign-secrets/metadata/jobs/*" {
  capabilities = ["list"]
}

path "transit/keys/countersign-job" {
  capabilities = ["read"]
}

path "transit/keys/countersign-job/rotate" {
  capabilities = ["update"]
}

path "transit/keys/countersign-job/config" {
  capabilities = ["update"]
}

path "transit/keys/countersign-result" {
  capabilities = ["read"]
}

path "transit/keys/countersign-result/rotate" {
  capabilities = ["update"]
}

path "transit/keys/countersign-result/config" {
  capabilities = ["update"]
}
