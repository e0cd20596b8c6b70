"""The signed GET is one that S3 takes: botocore would have signed it in the same way."""

import ast
import inspect
import sys

from hypothesis import given
from hypothesis import strategies as st

from natgate.cloud import aws_fetch
from tests.aws_signature import KEYS, REGION, is_signed

HOST = f"bucket.s3.{REGION}.amazonaws.com"
PATHS = st.from_regex(r"/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,3}", fullmatch=True)


@given(PATHS)
def test_botocore_signs_in_the_same_way(path: str) -> None:
    """For any object that a bundle may have."""
    headers = aws_fetch.signed(HOST, path, REGION, KEYS, "20261127T081500Z")
    assert is_signed(headers, path)


def test_another_secret_is_noticed() -> None:
    """The test above can fail."""
    keys = {**KEYS, "SecretAccessKey": "another"}
    headers = aws_fetch.signed(HOST, "/a", REGION, keys, "20261127T081500Z")
    assert not is_signed(headers, "/a")


def test_it_needs_the_standard_library_only() -> None:
    """It runs before anything is installed, on Python 3.9."""
    tree = ast.parse(inspect.getsource(aws_fetch), feature_version=(3, 9))
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
