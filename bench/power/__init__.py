"""A power cut: what Redis had made durable, the disk that this leaves, what is still there."""
