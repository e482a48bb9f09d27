"""Server-side encryption as clients see it.

What they ask for is checked, kept with the object and said again; a key that the client provides must
be provided again.

Deviation: bytes are kept as they came, and KMS keys are not looked up.

Source: S3 user guide, "Protecting data with server-side encryption", "Using server-side encryption
with customer-provided keys (SSE-C)".
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Any

from harness.objects.bucket import AES256
from harness.objects.errors import S3Error, access_denied, invalid_argument, invalid_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.objects.bucket import Bucket, StoredObject

METHOD = "x-amz-server-side-encryption"
KMS_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
BUCKET_KEY = "x-amz-server-side-encryption-bucket-key-enabled"
COPY = "x-amz-copy-source-"
_CUSTOMER = "x-amz-server-side-encryption-customer-"
_ALGORITHM, _KEY, _KEY_MD5 = _CUSTOMER + "algorithm", _CUSTOMER + "key", _CUSTOMER + "key-md5"
_KEY_BYTES = 32
_KMS = ("aws:kms", "aws:kms:dsse")


def wanted(bucket: Bucket, headers: Mapping[str, str], account: str) -> Mapping[str, str]:
    """How an upload is to be encrypted, as the headers that say so: asked for, or the bucket's way.

    Raises:
        S3Error: InvalidArgument, InvalidEncryptionAlgorithmError.
    """
    if _names_key(headers, ""):
        return _customer(headers)
    method, key = headers.get(METHOD), headers.get(KMS_KEY, "")
    default: Any = bucket.configuration.get("encryption")
    if method is None and key:
        raise _requires_kms(None)
    if method is None and default is None:
        return AES256
    rule = {} if default is None else default["Rule"]
    bucket_key = rule.get("BucketKeyEnabled", "false")
    if method is None:
        applied = rule.get("ApplyServerSideEncryptionByDefault", {})
        method, key = applied.get("SSEAlgorithm", "AES256"), applied.get("KMSMasterKeyID", "")
    if method == "AES256":
        if key:
            raise _requires_kms(method)
        return AES256
    if method not in _KMS:
        raise invalid_argument(
            "The encryption method specified is not supported", name=METHOD, value=method
        )
    said = {METHOD: method, KMS_KEY: _arn(key, bucket.region, account)}
    if headers.get(BUCKET_KEY, bucket_key).lower() == "true":
        said[BUCKET_KEY] = "true"
    return said


def check_readable(stored: StoredObject, headers: Mapping[str, str], prefix: str = "") -> None:
    """Check that the client provides the key that the object was encrypted with, if any.

    Args:
        stored: what is read.
        headers: of the request.
        prefix: `x-amz-copy-source-` for the source of a copy.

    Raises:
        S3Error: InvalidRequest, InvalidArgument, AccessDenied.
    """
    kept = stored.encryption.get(_KEY_MD5)
    if kept is None and not _names_key(headers, prefix):
        return
    if kept is None:
        raise invalid_request("The encryption parameters are not applicable to this object.")
    if not _names_key(headers, prefix):
        raise invalid_request(
            "The object was stored using a form of Server Side Encryption. The correct parameters "
            "must be provided to retrieve the object."
        )
    sent = {name: headers.get(_sent(name, prefix), "") for name in (_ALGORITHM, _KEY, _KEY_MD5)}
    if sent[_KEY_MD5]:
        _check_customer(sent)
    if sent[_KEY_MD5] != kept:
        raise access_denied(
            "Requests specifying Server Side Encryption with Customer provided keys must provide "
            "the correct secret key."
        )


def check_part(upload: Mapping[str, str], headers: Mapping[str, str]) -> None:
    """Check that a part comes with the key that its upload began with.

    Raises:
        S3Error: InvalidRequest, InvalidArgument.
    """
    kept = upload.get(_KEY_MD5)
    if (kept is not None) != _names_key(headers, ""):
        raise invalid_request(
            "The multipart upload initiate requested encryption. Subsequent part requests must "
            "include the appropriate encryption parameters."
        )
    if kept is not None and _customer(headers)[_KEY_MD5] != kept:
        raise invalid_request(
            "The provided encryption parameters did not match the ones used originally."
        )


def is_asked_for(headers: Mapping[str, str]) -> bool:
    """True when a request says how to encrypt."""
    return METHOD in headers or _names_key(headers, "")


def etag_of(digest: str, encryption: Mapping[str, str]) -> str:
    """The ETag: the MD5 of the body only when S3 encrypts with its own keys."""
    if encryption is AES256:
        return digest
    key = encryption.get(_KEY_MD5, encryption.get(KMS_KEY, ""))
    return hashlib.md5(f"{digest} {key}".encode(), usedforsecurity=False).hexdigest()


def _customer(headers: Mapping[str, str]) -> dict[str, str]:
    if METHOD in headers:
        raise invalid_argument(
            "Server Side Encryption with Customer provided key is incompatible with the encryption "
            "method specified",
            name=METHOD,
            value=headers[METHOD],
        )
    sent = {name: headers.get(name, "") for name in (_ALGORITHM, _KEY, _KEY_MD5)}
    _check_customer(sent)
    return {_ALGORITHM: sent[_ALGORITHM], _KEY_MD5: sent[_KEY_MD5]}


def _check_customer(sent: Mapping[str, str]) -> None:
    specifying = "Requests specifying Server Side Encryption with Customer provided keys must "
    if sent[_ALGORITHM] and sent[_ALGORITHM] != "AES256":
        raise S3Error(
            400,
            "InvalidEncryptionAlgorithmError",
            "The Encryption request you specified is not valid. Supported value: AES256.",
            fields={"ArgumentName": METHOD, "ArgumentValue": sent[_ALGORITHM]},
        )
    if not sent[_ALGORITHM]:
        raise _unfit(specifying + "provide a valid encryption algorithm.")
    if not sent[_KEY]:
        raise _unfit(specifying + "provide an appropriate secret key.")
    try:
        key = b64decode(sent[_KEY], validate=True)
    except (Base64Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES or not sent[_KEY_MD5]:
        raise _unfit("The secret key was invalid for the specified algorithm.")
    digest = hashlib.md5(key, usedforsecurity=False).digest()
    if b64encode(digest).decode() != sent[_KEY_MD5]:
        raise _unfit("The calculated MD5 hash of the key did not match the hash that was provided.")


def _names_key(headers: Mapping[str, str], prefix: str) -> bool:
    return any(_sent(name, prefix) in headers for name in (_ALGORITHM, _KEY, _KEY_MD5))


def _sent(name: str, prefix: str) -> str:
    return prefix + name.removeprefix("x-amz-") if prefix else name


def _arn(key: str, region: str, account: str) -> str:
    if key.startswith("arn:"):
        return key
    if not key:
        digest = hashlib.sha256(f"aws/s3 {region} {account}".encode()).hexdigest()
        key = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"
    kind = "" if key.startswith(("alias/", "key/")) else "key/"
    return f"arn:aws:kms:{region}:{account}:{kind}{key}"


def _requires_kms(method: str | None) -> S3Error:
    return invalid_argument(
        "Server Side Encryption with AWS KMS managed key requires HTTP header "
        "x-amz-server-side-encryption : aws:kms",
        name=METHOD,
        value=method,
    )


def _unfit(message: str) -> S3Error:
    return invalid_argument(message, name=METHOD, value=None)
