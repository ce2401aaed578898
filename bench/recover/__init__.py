"""How soon jobs go on after something broke, on the real stack with its default settings."""
