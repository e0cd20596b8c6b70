"""Addresses that natgate puts on a link."""

from contextlib import closing
from ipaddress import IPv4Address

import pytest

from natgate.cloud.aws_join import set_address
from natgate.kernel.links import Links
from natgate.model.error import HostError
from tests.namespaces import execute

PRIMARY, ADDRESS = IPv4Address("10.0.0.40"), IPv4Address("10.0.0.1")


def test_an_address_is_put_beside_another_one() -> None:
    """On the link that has that one, as /32, and the second time there is nothing to do."""
    execute("ip", "address", "add", f"{PRIMARY}/24", "dev", "eth0")
    assert set_address(PRIMARY, ADDRESS)
    assert not set_address(PRIMARY, ADDRESS)
    assert f"inet {ADDRESS}/32 " in execute("ip", "-4", "address", "show", "dev", "eth0")
    with closing(Links()) as links:
        assert links.link_of(ADDRESS) == "eth0"


def test_an_address_that_no_link_has_is_told() -> None:
    """The interface of the cloud is not one of this host."""
    with pytest.raises(HostError, match=r"no link of this host has 10\.0\.0\.40"):
        set_address(PRIMARY, ADDRESS)
