"""What all tests share: how hard hypothesis tries, and that kernel tests are run as root."""

import os

import pytest
from hypothesis import HealthCheck, settings

for module in (
    "kernel_contract",
    "steering_contract",
    "fence_contract",
    "states",
    "kernel.net",
    "unit.plan.world",
):
    pytest.register_assert_rewrite(f"tests.{module}")

settings.register_profile(
    "fast", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("deep", settings.get_profile("fast"), max_examples=2000)
settings.load_profile(os.environ.get("NATGATE_HYPOTHESIS", "fast"))


@pytest.fixture(autouse=True)
def _root_for_kernel_tests(request: pytest.FixtureRequest) -> None:
    """A kernel test that cannot run has failed: nothing is skipped in silence."""
    if request.node.get_closest_marker("kernel") and os.geteuid() != 0:
        pytest.fail("kernel tests make network namespaces, which needs root: run pytest as root")
