//! Which answer becomes which error.

use super::*;

fn reason(call: Call, status: u16, code: Option<&str>) -> &'static str {
    let answer = Answer {
        status,
        code,
        message: "why",
        retry_after: None,
    };
    answered(call, &answer).reason()
}

#[test]
fn a_code_means_the_same_in_every_spelling() {
    let cases = [
        (400, "ThrottlingException", "throttled"),
        (400, "Throttling", "throttled"),
        (400, "RequestLimitExceeded", "throttled"),
        (503, "SlowDown", "throttled"),
        (400, "KMSThrottlingException", "throttled"),
        (400, "KmsThrottled", "throttled"),
        (403, "OverLimit", "throttled"),
        (500, "InternalServiceError", "unavailable"),
        (500, "InternalServiceFault", "unavailable"),
        (400, "InternalFailure", "unavailable"),
        (400, "ServiceUnavailableException", "unreachable"),
        (400, "OperationAbortedException", "unavailable"),
        (409, "ConflictException", "unavailable"),
        (400, "UnrecognizedClientException", "denied"),
        (400, "AccessDeniedException", "denied"),
        (403, "AccessDenied", "denied"),
        (403, "AuthorizationErrorException", "denied"),
        (403, "AuthorizationError", "denied"),
        (400, "ExpiredToken", "denied"),
        (400, "ExpiredTokenException", "denied"),
        (400, "InvalidSignatureException", "denied"),
        (400, "ResourceNotFoundException", "not_found"),
        (400, "ResourceNotFound", "not_found"),
        (404, "DashboardNotFoundError", "not_found"),
        (404, "NoSuchKey", "not_found"),
        (400, "QueueDoesNotExist", "not_found"),
        (400, "AWS.SimpleQueueService.NonExistentQueue", "not_found"),
        (404, "NotFound", "not_found"),
        (
            400,
            "com.amazonaws.logs#ResourceNotFoundException",
            "not_found",
        ),
        (400, "InvalidParameterException", "rejected"),
        (400, "InvalidParameterValue", "rejected"),
        (400, "InvalidParameterCombinationException", "rejected"),
        (400, "LimitExceededException", "rejected"),
        (400, "LimitExceeded", "rejected"),
        (403, "InvalidObjectState", "rejected"),
        (400, "SomethingNew", "rejected"),
        (403, "SomethingNew", "denied"),
        (404, "SomethingNew", "not_found"),
        (503, "SomethingNew", "unavailable"),
    ];
    for (status, code, expected) in cases {
        assert_eq!(
            reason(Call::PutLogEvents, status, Some(code)),
            expected,
            "{code}"
        );
    }
    assert_eq!(
        reason(Call::GetCostAndUsage, 400, Some("LimitExceededException")),
        "throttled"
    );
}

/// Sources: the error lists of the operations in the CloudWatch Logs API reference, and its "Common
/// errors". What makes a batch wait must never be taken for a reason to set it aside.
#[test]
fn every_error_of_the_calls_to_cloudwatch_logs_is_decided() {
    const CREATE: [Call; 3] = [
        Call::CreateLogGroup,
        Call::CreateLogStream,
        Call::PutRetentionPolicy,
    ];
    let common = [
        (400, "AccessDeniedException", "denied"),
        (403, "ExpiredTokenException", "denied"),
        (403, "IncompleteSignature", "denied"),
        (500, "InternalFailure", "unavailable"),
        (400, "NotAuthorized", "denied"),
        (403, "OptInRequired", "denied"),
        (400, "RequestExpired", "denied"),
        (500, "ServiceUnavailableException", "unreachable"),
        (503, "ServiceUnavailable", "unreachable"),
        (400, "ThrottlingException", "throttled"),
        (400, "UnrecognizedClientException", "denied"),
        (403, "InvalidClientTokenId", "denied"),
        (400, "ValidationError", "rejected"),
        (400, "InvalidParameterException", "rejected"),
        (400, "ResourceNotFoundException", "not_found"),
        (400, "SerializationException", "rejected"),
        (413, "RequestEntityTooLarge", "rejected"),
        (400, "KMS.DisabledException", "denied"),
        (400, "KMSInvalidStateException", "denied"),
    ];
    let put = [
        (400, "InvalidSequenceTokenException", "unavailable"),
        // The batch is there: the client takes it for a success.
        (400, "DataAlreadyAcceptedException", "rejected"),
    ];
    let create = [
        (400, "LimitExceededException", "rejected"),
        (400, "OperationAbortedException", "unavailable"),
        // The same: it is there.
        (400, "ResourceAlreadyExistsException", "rejected"),
    ];
    let check = |call: Call, cases: &[(u16, &str, &str)]| {
        for (status, code, expected) in cases {
            assert_eq!(
                reason(call, *status, Some(code)),
                *expected,
                "{call:?} {code}"
            );
        }
    };
    check(Call::PutLogEvents, &common);
    check(Call::PutLogEvents, &put);
    for call in CREATE {
        check(call, &common);
        check(call, &create);
    }
}

#[test]
fn an_answer_without_a_code_goes_by_its_status() {
    let cases = [
        (200, "unavailable"),
        (302, "unavailable"),
        (400, "unavailable"),
        (401, "denied"),
        (403, "denied"),
        (404, "unavailable"),
        (407, "denied"),
        (408, "unavailable"),
        (413, "rejected"),
        (429, "throttled"),
        (500, "unavailable"),
        (502, "unavailable"),
        (503, "unavailable"),
    ];
    for (status, expected) in cases {
        assert_eq!(
            reason(Call::PutLogEvents, status, None),
            expected,
            "{status}"
        );
    }
}

#[test]
fn a_time_to_wait_is_honoured_in_all_its_forms() {
    let cases = [
        (&[("retry-after", "7")][..], Some(7_000)),
        (&[("x-amz-retry-after", "1500")], Some(1_500)),
        (
            &[
                ("retry-after", "Tue, 24 Nov 2026 12:00:30 GMT"),
                ("date", "Tue, 24 Nov 2026 12:00:00 GMT"),
            ],
            Some(30_000),
        ),
        (&[("retry-after", "999999999")], Some(3_600_000)),
        (&[("retry-after", "soon")], None),
        (&[], None),
    ];
    for (fields, expected) in cases {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.insert(*name, *value);
        }
        assert_eq!(
            retry_after(&headers),
            expected.map(Duration::from_millis),
            "{fields:?}"
        );
    }
    let wait = Some(Duration::from_secs(7));
    let answer = Answer {
        status: 503,
        code: Some("ServiceUnavailable"),
        message: "",
        retry_after: wait,
    };
    assert!(
        matches!(answered(Call::PutLogEvents, &answer), Error::Throttled { retry_after, .. } if retry_after == wait)
    );
}

#[test]
fn what_is_passed_on_holds_no_secret_and_no_line_break() {
    let answer = Answer {
        status: 400,
        code: Some("InvalidSignatureException"),
        message: "key AKIAIOSFODNN7EXAMPLE\nwith secret_access_key=abc123",
        retry_after: None,
    };
    let said = answered(Call::PutLogEvents, &answer).to_string();
    assert!(!said.contains("AKIA") && !said.contains("abc123"), "{said}");
    assert!(!said.contains('\n'));
    assert!(said.contains("logs:PutLogEvents"));
}

#[test]
fn a_role_that_may_not_be_assumed_is_told_apart_from_sts_being_down() {
    let refused = ErrorMetadata::builder().code("AccessDenied").build();
    let busy = ErrorMetadata::builder().code("Throttling").build();
    let cases = [
        (CredentialsError::provider_error(refused), "denied"),
        (CredentialsError::provider_error(busy), "unreachable"),
        (CredentialsError::not_loaded("nothing found"), "denied"),
        (
            CredentialsError::provider_timed_out(Duration::from_secs(1)),
            "unreachable",
        ),
        (
            CredentialsError::provider_error(ConnectorError::io("refused".into())),
            "unreachable",
        ),
    ];
    for (error, expected) in cases {
        assert_eq!(
            without_credentials(Call::PutLogEvents, &error).reason(),
            expected,
            "{error:?}"
        );
    }
}
