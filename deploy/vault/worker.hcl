# A worker reads the secrets of jobs, deletes them once settled, and signs results.

path "countersign-secrets/data/jobs/*" {
  capabilities = ["read"]
}

path "countersign-secrets/metadata/jobs/*" {
  capabilities = ["delete"]
}

path "countersign-secrets/data/producers/*" {
  capabilities = ["read"]
}

path "countersign-config/data/keyring" {
  capabilities = ["read"]
}

path "transit/sign/countersign-result" {
  capabilities = ["update"]
}

path "transit/sign/countersign-result/*" {
  capabilities = ["update"]
}

path "transit/keys/countersign-job" {
  capabilities = ["read"]
}

path "transit/keys/countersign-result" {
  capabilities = ["read"]
}
