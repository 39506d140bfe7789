//! Where a store is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use pathops_adapters::object_store::ObjectStoreBucket;
use pathops_core::ObjectKey;

use crate::Failure;

/// Where a store is: a folder of this machine, or `s3://<bucket>` with or without a folder in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket at AWS, or at the server that `AWS_ENDPOINT_URL` names; with the feature `s3`.
    S3 {
        /// Its name.
        bucket: String,
        /// The folder in it.
        folder: Option<ObjectKey>,
    },
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(Self::Folder(PathBuf::from(text))) };
        if scheme != "s3" {
            return Err(format!("no store is kept in `{scheme}://`: give a folder, or `s3://<bucket>/<folder>`"));
        }
        if !cfg!(feature = "s3") {
            let command = "cargo run --example evidence --features s3 -- …";
            return Err(format!("this program was built without S3; run `{command}`"));
        }
        let (bucket, folder) = rest.trim_end_matches('/').split_once('/').unwrap_or((rest.trim_end_matches('/'), ""));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        if bucket.is_empty() || !bucket.chars().all(plain) {
            return Err(format!("`{bucket}` is no name of a bucket: write `s3://<bucket>/<folder>`"));
        }
        let folder = Some(folder).filter(|folder| !folder.is_empty()).map(ObjectKey::parse).transpose();
        Ok(Self::S3 { bucket: bucket.to_owned(), folder: folder.map_err(|error| error.to_string())? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::S3 { bucket, folder: None } => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, folder: Some(folder) } => write!(f, "s3://{bucket}/{folder}"),
        }
    }
}

impl Address {
    /// What lies there. A folder is made where there is none.
    pub(crate) fn open(&self) -> Result<ObjectStoreBucket, Failure> {
        match self {
            Self::Folder(folder) => Ok(ObjectStoreBucket::folder(folder)?),
            Self::S3 { bucket, folder } => s3(bucket, folder.as_ref()),
        }
    }
}

#[cfg(feature = "s3")]
fn s3(bucket: &str, folder: Option<&ObjectKey>) -> Result<ObjectStoreBucket, Failure> {
    use pathops_adapters::object_store::S3Config;

    use crate::variable;

    let (Some(id), Some(secret)) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) else {
        let others = "and AWS_SESSION_TOKEN, AWS_REGION, and AWS_ENDPOINT_URL for another server than AWS, where they apply";
        return Err(format!("S3 needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, {others}").into());
    };
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).unwrap_or_else(|| "us-east-1".to_owned());
    let mut config = S3Config::new(bucket, region, id, secret);
    if let Some(endpoint) = endpoint() {
        config = config.at(endpoint);
    }
    if let Some(token) = variable("AWS_SESSION_TOKEN") {
        config = config.with_session_token(token);
    }
    if let Some(folder) = folder {
        config = config.in_folder(folder.clone());
    }
    Ok(ObjectStoreBucket::s3(&config)?)
}

#[cfg(not(feature = "s3"))]
fn s3(bucket: &str, _: Option<&ObjectKey>) -> Result<ObjectStoreBucket, Failure> {
    Err(format!("this program was built without S3, and {bucket} is a bucket there").into())
}

/// The server, where it is another one than AWS.
pub(crate) fn endpoint() -> Option<String> {
    crate::variable("AWS_ENDPOINT_URL_S3").or_else(|| crate::variable("AWS_ENDPOINT_URL"))
}
