"""Whether a request is signed as AWS wants it, by botocore's own arithmetic."""

from collections.abc import Mapping

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEYS = {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "a secret of tests", "Token": "a+token="}
REGION = "ap-northeast-1"


def is_signed(headers: Mapping[str, str], path: str) -> bool:
    """Whether the Authorization header of a GET is what botocore would have written."""
    given = {name.lower(): value for name, value in headers.items()}
    authorization = given.pop("authorization", "")
    names = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    signed = {name: value for name, value in given.items() if name in names}
    request = AWSRequest("GET", f"https://{given['host']}{path}", headers=signed)
    request.context["timestamp"] = given["x-amz-date"]
    keys = Credentials(KEYS["AccessKeyId"], KEYS["SecretAccessKey"], KEYS["Token"])
    auth = S3SigV4Auth(keys, "s3", REGION)
    wanted = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    tokens = given.get("x-amz-security-token") == KEYS["Token"]
    return tokens and authorization.endswith(f"Signature={wanted}")
