//! GetObject through the SDK, within a bound.

use std::env;
use std::fmt;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use bytes::{Bytes, BytesMut};

use crate::failure::failure;
use crate::limits::objects::OBJECT_BYTES_MAX;
use crate::words::{chain, clean};
use crate::{Call, Error, ObjectsApi};

/// AWS's own variable for another endpoint of S3.
const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL_S3";

/// S3.
#[derive(Clone)]
pub struct S3 {
    client: Client,
}

impl S3 {
    pub(super) fn new(config: &SdkConfig, endpoint: Option<&str>) -> Self {
        let mut builder = Builder::from(config);
        // Another endpoint rarely has a name for each bucket.
        let own_endpoint = endpoint.is_some()
            || config.endpoint_url().is_some()
            || env::var_os(ENDPOINT_VARIABLE).is_some();
        builder = builder.force_path_style(own_endpoint);
        if let Some(url) = endpoint {
            builder = builder.endpoint_url(url);
        }
        Self {
            client: Client::from_conf(builder.build()),
        }
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3").finish_non_exhaustive()
    }
}

impl ObjectsApi for S3 {
    async fn get_object(&self, bucket: &str, key: &str) -> Result<Bytes, Error> {
        let output = self
            .client
            .get_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await
            .map_err(|error| failure(Call::GetObject, &error))?;
        let announced = output
            .content_length()
            .and_then(|length| usize::try_from(length).ok())
            .unwrap_or(0);
        if announced > OBJECT_BYTES_MAX {
            return Err(too_large());
        }
        let mut object = BytesMut::with_capacity(announced);
        let mut body = output.body;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| Error::Unavailable {
                call: Call::GetObject.name(),
                why: clean(&chain(&error)),
            })?;
            if object.len() + chunk.len() > OBJECT_BYTES_MAX {
                return Err(too_large());
            }
            object.extend_from_slice(&chunk);
        }
        Ok(object.freeze())
    }
}

fn too_large() -> Error {
    Error::Rejected {
        call: Call::GetObject.name(),
        code: "ObjectTooLarge".to_owned(),
        why: format!("the object is larger than {OBJECT_BYTES_MAX} bytes"),
    }
}
