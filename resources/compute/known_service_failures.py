"""Failures that AWS's services cause: access, capacity, throttling. Each names where its text is from."""

from __future__ import annotations

from resources.compute.known_failure import known

#: What IAM says, in every service's words: who, the action, and often on what.
_WHO = r"User: (?P<who>\S+) is not authorized to perform: (?P<action>[\w-]+:\w+)"

ACCESS = (
    known(
        r"Insufficient Lake Formation permission\(s\):? (?P<what>Required [\w ]+?)(?=\s*[(\";]|$)",
        "Lake Formation denied access ({what})",
        "Grant that permission to the job's role in Lake Formation; IAM alone is not enough there",
        "Lake Formation User Guide, troubleshooting",
    ),
    known(
        _WHO + r" on resource: (?P<resource>[^\s,]+)",
        "access denied: {who} may not {action}",
        "Allow `{action}` on `{resource}` to that role, in its policy and, for a bucket, key or "
        "secret, in the resource's",
        "IAM User Guide, access denied error messages",
    ),
    known(
        _WHO,
        "access denied: {who} may not {action}",
        "Allow `{action}` to that role, in its policy and in the key's or secret's",
        "IAM User Guide, access denied error messages",
    ),
    known(
        r"\(AccessDenied(?:Exception)?\) when calling the (?P<call>\w+) operation",
        "access denied: the job's role may not {call}",
        "Allow the action of that name to the job's role, in its policy and in the resource's",
        "botocore, ClientError",
    ),
    known(
        r"AccessDeniedException: (?P<where>s3\w?://[^\s:]+)|"
        r"AmazonS3Exception: Access Denied|Service: S3, Status Code: 403",
        "access to S3 denied ({where})",
        "Allow `s3:ListBucket` on the bucket and `s3:GetObject`, `s3:PutObject`, `s3:DeleteObject` "
        "on its objects to the job's role; if the bucket is encrypted, `kms:Decrypt` and "
        "`kms:GenerateDataKey` on its key",
        "Hadoop, S3AUtils.translateException; AWS SDK for Java",
    ),
)

CAPACITY = (
    known(
        r"VcpuLimitExceeded|more vCPU capacity than your current vCPU limit",
        "the account's quota of EC2 vCPUs is used up",
        "Ask for a higher quota (Service Quotas, EC2, Running On-Demand or Spot Instances), use "
        "fewer or smaller instances, or wait until others have ended",
        "EC2 API Reference, error codes",
        retryable=True,
    ),
    known(
        r"(?i)concurrent ?vCPUs?\b.*(?:exceed|limit|quota)|(?:exceed|limit|quota).*concurrent ?vCPU",
        "the account's quota of concurrent vCPUs on EMR Serverless is used up",
        "Ask for a higher quota (Service Quotas, EMR Serverless, max concurrent vCPUs), lower the "
        "job's executors, or wait until others have ended",
        "EMR Serverless User Guide, endpoints and quotas",
        retryable=True,
    ),
    known(
        r"ApplicationMaxCapacityExceededException(?:.*maximumCapacity settings: \[(?P<what>[^\]]+)\])?",
        "the EMR Serverless application has a ceiling that the job does not fit under ({what})",
        "Raise the application's maximum capacity, or run fewer jobs on it at once",
        "EMR Serverless, ApplicationMaxCapacityExceededException",
        retryable=True,
    ),
    known(
        r"Exceeded maximum concurrent compute capacity|ConcurrentRunsExceededException|"
        r"ResourceNumberLimitExceededException|Resource unavailable",
        "Glue has no room for the job: a quota, or no workers at the moment",
        "Let the job queue, run fewer at once, or ask for a higher quota of DPUs or of concurrent "
        "runs",
        "AWS Glue Developer Guide, job run statuses and exceptions",
        retryable=True,
    ),
    known(
        r"InsufficientInstanceCapacity|[Ii]nsufficient (?:EC2 )?(?:instance )?capacity|"
        r"INSTANCE_FLEET_TIMEOUT",
        "EC2 has no instances of that type in that zone now",
        "Name several instance types and subnets of several zones, or try again later",
        "EMR Management Guide, insufficient instance capacity",
        retryable=True,
    ),
    known(
        r"(?i)not have enough free (?:IP )?addresses|InsufficientFreeAddressesInSubnet|"
        r"insufficient free addresses|out of (?:free )?IP addresses",
        "the subnet has too few free addresses",
        "Use a larger subnet or several. Addresses of jobs that have ended are free again some "
        "minutes later",
        "EC2 API Reference, InsufficientFreeAddressesInSubnet",
        retryable=True,
    ),
    known(
        r"bootstrap action (?P<number>\d+) returned a non-zero return code|BOOTSTRAP_FAILURE",
        "a bootstrap action of the cluster failed (number {number})",
        "Read its log at <log URI>/<cluster>/node/<instance>/bootstrap-actions/, mend the script",
        "EMR Management Guide, bootstrap errors",
    ),
)

THROTTLED = (
    known(
        r"Throttling(?:Exception)?\b|ThrottledException|TooManyRequestsException|"
        r"RequestLimitExceeded|Rate exceeded|SlowDown|reduce your request rate|"
        r"Throttled from Amazon EC2",
        "AWS throttled the calls that the job or the service made",
        "Run it again; if it happens often, start fewer jobs at the same time",
        "AWS General Reference, error retries; EMR Management Guide, throttling errors",
        retryable=True,
    ),
)
