"""Requests for imports: their shapes.

Source: botocore's DynamoDB model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.dynamodb.export_requests import BUCKET, PREFIX, TOKEN
from harness.dynamodb.shapes import ListOf, Number, String, Structure, validation_error
from harness.dynamodb.table_requests import CREATE_TABLE, check_create

if TYPE_CHECKING:
    from harness.awsjson import Json

IMPORT = Structure(
    "ImportTableInput",
    {
        "ClientToken": TOKEN,
        "S3BucketSource": Structure(
            "S3BucketSource",
            {
                "S3BucketOwner": String(pattern="[0-9]{12}"),
                "S3Bucket": BUCKET,
                "S3KeyPrefix": PREFIX,
            },
            required=("S3Bucket",),
        ),
        "InputFormat": String(enum=("DYNAMODB_JSON", "ION", "CSV")),
        "InputFormatOptions": Structure(
            "InputFormatOptions",
            {
                "Csv": Structure(
                    "CsvOptions",
                    {
                        "Delimiter": String(length=(1, 1), pattern=r"[,;:|\t ]"),
                        "HeaderList": ListOf(
                            String(length=(1, 65536), pattern=r"[\x20-\x21\x23-\x2B\x2D-\x7E]*"),
                            length=(1, 255),
                        ),
                    },
                )
            },
        ),
        "InputCompressionType": String(enum=("GZIP", "ZSTD", "NONE")),
        "TableCreationParameters": CREATE_TABLE,
    },
    required=("S3BucketSource", "InputFormat", "TableCreationParameters"),
)
DESCRIBE = Structure(
    "DescribeImportInput", {"ImportArn": String(length=(37, 1024))}, required=("ImportArn",)
)
LIST = Structure(
    "ListImportsInput",
    {
        "TableArn": String(length=(1, 1024)),
        "PageSize": Number(low=1, high=25),
        "NextToken": String(length=(None, 1024)),
    },
)


def parse_import(payload: Json) -> Json:
    """The request's members.

    Raises:
        AwsError: ValidationException.
    """
    request = IMPORT.parse(payload)
    check_create(request["TableCreationParameters"])
    if "InputFormatOptions" in request and request["InputFormat"] != "CSV":
        raise validation_error("InputFormatOptions can be specified only for InputFormat CSV")
    return request
