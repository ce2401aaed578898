"""Property tests here bound the number of examples, never their time: the machine may be busy."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "countersign",
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("countersign")
