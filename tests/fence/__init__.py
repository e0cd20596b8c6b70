"""The real fences: etcd and witnesses, in a network namespace with nothing but a loopback."""
