# The gateway stores secrets and cannot read one; it signs jobs with a key that never leaves Vault.

# One write per job. Without `update` nobody writes over a secret, nor pushes its version 1, which the
# job's seal names, out of the versions that are kept.
path "countersign-secrets/data/jobs/*" {
  capabilities = ["create"]
}

# Removes the secrets of a job that was refused after they were stored.
path "countersign-secrets/metadata/jobs/*" {
  capabilities = ["delete"]
}

path "countersign-config/data/producers/*" {
  capabilities = ["read"]
}

path "countersign-config/metadata/producers" {
  capabilities = ["list"]
}

path "countersign-config/metadata/producers/*" {
  capabilities = ["read", "list"]
}

path "countersign-config/data/keyring" {
  capabilities = ["read"]
}

path "transit/sign/countersign-job" {
  capabilities = ["update"]
}

path "transit/sign/countersign-job/*" {
  capabilities = ["update"]
}

path "transit/keys/countersign-job" {
  capabilities = ["read"]
}

path "transit/keys/countersign-result" {
  capabilities = ["read"]
}
