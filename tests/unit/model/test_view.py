"""What nodes say of themselves."""

from natgate.model.view import GatewayView, NodeView, PathHealth, ShareView


def test_a_view_without_reasons_is_healthy() -> None:
    """No reason against a node means that it may carry the gateway; nobody is active unless said."""
    share = ShareView()
    assert GatewayView().reasons == ()
    assert PathHealth().healthy
    assert not PathHealth(reasons=("upstream dead",)).healthy
    assert (share.active, share.epoch, share.hands_out, share.wants) == (None, 0, False, False)


def test_views_do_not_share_their_gateways() -> None:
    """Two empty views are equal and yet have mappings of their own."""
    one, other = NodeView(), NodeView()
    assert one == other
    assert one.gateways is not other.gateways
