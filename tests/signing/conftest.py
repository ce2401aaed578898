"""Property tests here bound the number of examples, never their time: the machine may be busy."""

from hypothesis import settings

settings.register_profile("countersign", deadline=None, max_examples=60)
settings.load_profile("countersign")
