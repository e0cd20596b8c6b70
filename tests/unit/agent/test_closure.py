"""What a cloud function is made of is enough to run it, and no more."""

import pytest

from natgate.agent.closure import closure
from natgate.model.error import RefusedError


def test_a_module_comes_with_all_that_it_imports() -> None:
    """Modules, those that they import, and the packages above them."""
    assert list(closure("natgate.model.share")) == sorted(
        {*closure("natgate.model.routes"), "natgate/model/share.py"}
    )
    assert {"natgate/__init__.py", "natgate/model/__init__.py"} < closure(
        "natgate.model.routes"
    ).keys()


def test_what_is_not_imported_stays_out() -> None:
    """A function is small."""
    assert list(closure("natgate.model.error")) == [
        "natgate/__init__.py",
        "natgate/model/__init__.py",
        "natgate/model/error.py",
    ]


def test_a_module_that_does_not_exist_is_refused() -> None:
    """An empty function would be found out in the cloud only."""
    with pytest.raises(RefusedError, match=r"no module natgate\.nothing"):
        closure("natgate.nothing")
