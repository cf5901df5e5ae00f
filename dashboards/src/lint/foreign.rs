//! The metrics of AWS services that a fleet's dashboards may show.
//!
//! Written out for the tiers of the reference architecture; a metric that is missing here is
//! reported, which is the better mistake: CloudWatch would draw an empty chart.
//! Source: the "CloudWatch metrics" page of each service's user guide.

/// Namespaces with their metrics.
pub(super) const METRICS: &[(&str, &[&str])] = &[
    (
        "AWS/EC2",
        &[
            "CPUUtilization",
            "CPUCreditBalance",
            "CPUSurplusCreditsCharged",
            "NetworkIn",
            "NetworkOut",
            "EBSIOBalance%",
            "EBSByteBalance%",
            "StatusCheckFailed",
            "StatusCheckFailed_Instance",
            "StatusCheckFailed_System",
            "StatusCheckFailed_AttachedEBS",
            "MetadataNoToken",
        ],
    ),
    (
        "AWS/AutoScaling",
        &[
            "GroupMinSize",
            "GroupMaxSize",
            "GroupDesiredCapacity",
            "GroupInServiceInstances",
            "GroupPendingInstances",
            "GroupStandbyInstances",
            "GroupTerminatingInstances",
            "GroupTotalInstances",
        ],
    ),
    (
        "AWS/ApplicationELB",
        &[
            "RequestCount",
            "RequestCountPerTarget",
            "HTTPCode_ELB_5XX_Count",
            "HTTPCode_Target_2XX_Count",
            "HTTPCode_Target_3XX_Count",
            "HTTPCode_Target_4XX_Count",
            "HTTPCode_Target_5XX_Count",
            "TargetResponseTime",
            "HealthyHostCount",
            "UnHealthyHostCount",
            "RejectedConnectionCount",
            "TargetConnectionErrorCount",
            "ClientTLSNegotiationErrorCount",
            "ConsumedLCUs",
        ],
    ),
    (
        "AWS/RDS",
        &[
            "CPUUtilization",
            "DatabaseConnections",
            "DBLoad",
            "FreeableMemory",
            "FreeStorageSpace",
            "ReadLatency",
            "WriteLatency",
            "DiskQueueDepth",
            "ReplicaLag",
        ],
    ),
    (
        "AWS/CloudFront",
        &[
            "Requests",
            "TotalErrorRate",
            "5xxErrorRate",
            "CacheHitRate",
            "OriginLatency",
            "BytesDownloaded",
        ],
    ),
    ("AWS/Billing", &["EstimatedCharges"]),
    ("AWS/SNS", &["NumberOfNotificationsFailed"]),
];
