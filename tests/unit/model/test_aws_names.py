"""Names in AWS follow from the group's, as deployed instances, roles and alarms have them."""

from natgate.model import aws_names


def test_all_names_begin_with_the_groups() -> None:
    """A second network in the account has its own."""
    assert aws_names.scaling_group("net") == "natgate-net"
    assert aws_names.alarm("net", "eu-west-1a") == "natgate-net-eu-west-1a"


def test_a_metric_is_of_one_zone_of_one_group() -> None:
    """In the order in which an alarm names them."""
    assert aws_names.dimensions("net", "eu-west-1a") == [
        {"Name": "Group", "Value": "net"},
        {"Name": "Zone", "Value": "eu-west-1a"},
    ]
