"""How hard hypothesis tries, as shares of the profile that is loaded (see conftest)."""

from hypothesis import settings

MANY = settings().max_examples
SOME = settings(max_examples=MANY * 2 // 5)
FEW = settings(max_examples=MANY // 5)
