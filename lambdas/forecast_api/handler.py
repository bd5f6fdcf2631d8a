"""Entry point of the forecast API's Lambda function: ``forecast_api.handler.handler``.

Package
-------
A zip whose root holds ``forecast_api/`` (this folder) and ``contracts/`` (with its ``*.json``).
Runtime ``python3.11``; nothing beyond the standard library and the runtime's boto3. 512 MB,
timeout 29 s (API Gateway waits no longer), log format ``Text`` (each line is JSON already, and
metrics travel in it in CloudWatch's embedded metric format).

Environment
-----------
==============================  ==============================================================
``ENDPOINT_NAME``               SageMaker endpoint, `contracts.names.Names.endpoint`
``CURATED_BUCKET``              bucket that holds ``recent/<device_id>.json``
``INTERACTIONS_TABLE``          DynamoDB table, `contracts.names.Names.interactions_table`
``INTERACTION_RETENTION_DAYS``  days until an interaction expires, for example 30
``LAKECAST_ENV``                environment, dimension of the metrics
==============================  ==============================================================

The table: partition key ``device_id`` (S), sort key ``asked_at`` (S), TTL attribute
``expires_at``.

Permissions
-----------
- ``sagemaker:InvokeEndpoint`` and ``sagemaker:DescribeEndpoint`` on the endpoint;
- ``s3:GetObject`` on ``<curated>/recent/*``;
- ``s3:ListBucket`` on ``<curated>`` where ``s3:prefix`` is like ``recent/*``: for the list of
  devices, and because S3 answers 403 instead of 404 for a missing object without it. That
  condition must not be ``StringEquals`` on ``recent/`` alone, as GetObject's 404 check carries
  the object's key as prefix;
- ``kms:Decrypt`` on the key of the bucket and the table, ``kms:GenerateDataKey`` for the table
  where it has a customer managed key;
- ``dynamodb:BatchWriteItem`` on the table;
- ``logs:CreateLogStream`` and ``logs:PutLogEvents`` on the function's log group.
"""
