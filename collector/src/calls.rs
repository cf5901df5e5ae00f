//! The AWS calls of the collector as one argument, so that everything can run against fakes.

use plimsoll_aws::{
    AlarmsApi, Clients, CloudWatch, CostApi, CostExplorer, MetricsApi, NotifyApi, ObjectsApi,
    QueueApi, S3, Sns, Sqs,
};

/// Every call that the collector makes. Cloning what it gives is cheap.
pub trait Calls {
    /// CloudWatch, both halves of it.
    type CloudWatch: MetricsApi + AlarmsApi + Clone;
    /// SNS.
    type Notify: NotifyApi;
    /// SQS.
    type Queue: QueueApi;
    /// S3.
    type Objects: ObjectsApi;
    /// Cost Explorer.
    type Cost: CostApi;

    /// The Region that calls go to.
    fn region(&self) -> &str;
    /// CloudWatch.
    fn cloudwatch(&self) -> Self::CloudWatch;
    /// SNS.
    fn notify(&self) -> Self::Notify;
    /// SQS.
    fn queue(&self) -> Self::Queue;
    /// S3.
    fn objects(&self) -> Self::Objects;
    /// Cost Explorer.
    fn cost(&self) -> Self::Cost;
}

impl Calls for Clients {
    type CloudWatch = CloudWatch;
    type Notify = Sns;
    type Queue = Sqs;
    type Objects = S3;
    type Cost = CostExplorer;

    fn region(&self) -> &str {
        Self::region(self)
    }

    fn cloudwatch(&self) -> CloudWatch {
        Self::cloudwatch(self)
    }

    fn notify(&self) -> Sns {
        self.sns()
    }

    fn queue(&self) -> Sqs {
        self.sqs()
    }

    fn objects(&self) -> S3 {
        self.s3()
    }

    fn cost(&self) -> CostExplorer {
        self.cost_explorer()
    }
}
