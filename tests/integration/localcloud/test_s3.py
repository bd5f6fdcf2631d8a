"""Uploads in parts, as Terraform's and boto3's of large files."""

from __future__ import annotations

import boto3

BUCKET = "uploads-in-parts"


def test_an_upload_in_parts_has_its_tags(aws: boto3.Session) -> None:
    s3 = aws.client("s3")
    where = {"LocationConstraint": aws.region_name}
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    place = {"Bucket": BUCKET, "Key": "large"}
    for status, tags in (("Suspended", {"owner": "platform"}), ("Enabled", {"a": "b c", "d": ""})):
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": status})
        text = "&".join(f"{key}={value.replace(' ', '%20')}" for key, value in tags.items())
        upload = s3.create_multipart_upload(**place, Tagging=text)["UploadId"]
        part = s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"content")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        done = s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)
        found = s3.get_object_tagging(**place)
        assert {tag["Key"]: tag["Value"] for tag in found["TagSet"]} == tags
        assert found.get("VersionId") == done.get("VersionId")
