//! An S3 bucket, at AWS or at another server that speaks S3.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::object_store::aws::AmazonS3Builder;
use ::object_store::client::{ClientOptions, HttpClient, HttpConnector};
use ::object_store::{ObjectStore, RetryConfig, prefix};
use pathops_core::{Error, ErrorKind, ObjectKey, Result};

use super::bucket::path;

const OPEN: &str = "open an S3 bucket";
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a request may take: one that carries 8 MiB at 140 kB a second.
const REQUEST: Duration = Duration::from_secs(60);

/// Which S3 bucket, and by which credential. All of it is given: nothing is taken from the environment, no metadata service is
/// asked, and no proxy is used. `Debug` shows neither key nor token.
#[derive(Clone)]
pub struct S3Config {
    bucket: String,
    region: String,
    endpoint: Option<String>,
    folder: Option<ObjectKey>,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl S3Config {
    /// A bucket of AWS in this region, with the key of who may read, write, list and delete in it.
    #[must_use]
    pub fn new(
        bucket: impl Into<String>,
        region: impl Into<String>,
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
    ) -> Self {
        Self {
            bucket: bucket.into(),
            region: region.into(),
            endpoint: None,
            folder: None,
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
        }
    }

    /// Another server than AWS, by its URL without the bucket. With `http://` what is stored crosses the network for all to
    /// see; the secret key does not.
    #[must_use]
    pub fn at(self, endpoint: impl Into<String>) -> Self {
        Self { endpoint: Some(endpoint.into()), ..self }
    }

    /// Everything lies in this folder of the bucket.
    #[must_use]
    pub fn in_folder(self, folder: ObjectKey) -> Self {
        Self { folder: Some(folder), ..self }
    }

    /// The token that belongs to a key of limited time.
    #[must_use]
    pub fn with_session_token(self, token: impl Into<String>) -> Self {
        Self { session_token: Some(token.into()), ..self }
    }

    /// The URI of what lies in it, without a slash at its end.
    pub(super) fn uri(&self) -> String {
        let folder = self.folder.as_ref().map_or_else(String::new, |folder| format!("/{folder}"));
        format!("s3://{}{folder}", self.bucket)
    }

    /// The store. It does not try again by itself.
    pub(super) fn open(&self) -> Result<Arc<dyn ObjectStore>> {
        let begins = |scheme| self.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with(scheme));
        let plain = begins("http://");
        if self.endpoint.is_some() && !plain && !begins("https://") {
            let error = Error::new(ErrorKind::Invalid, OPEN).on(self.uri()).because("the server is not named by a URL");
            return Err(error.advise("write it as `https://<host>`"));
        }
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_access_key_id(&self.access_key_id)
            .with_secret_access_key(&self.secret_access_key)
            .with_allow_http(plain)
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .with_http_connector(Direct { plain });
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(token) = &self.session_token {
            builder = builder.with_token(token);
        }
        let invalid = |source| Error::new(ErrorKind::Invalid, OPEN).on(self.uri()).with_source(source);
        let store = builder.build().map_err(invalid)?;
        Ok(match &self.folder {
            Some(folder) => Arc::new(prefix::PrefixStore::new(store, path(folder))),
            None => Arc::new(store),
        })
    }
}

impl fmt::Debug for S3Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, region, endpoint, folder, .. } = self;
        let mut shown = f.debug_struct("S3Config");
        shown.field("bucket", bucket).field("region", region).field("endpoint", endpoint).field("folder", folder);
        shown.finish_non_exhaustive()
    }
}

/// Connects to the server itself: the environment names no proxy, and what answers sends nobody elsewhere.
#[derive(Debug)]
struct Direct {
    plain: bool,
}

impl HttpConnector for Direct {
    fn connect(&self, _: &ClientOptions) -> ::object_store::Result<HttpClient> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .https_only(!self.plain)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .timeout(REQUEST);
        let failed = |source| ::object_store::Error::Generic { store: "S3", source: Box::new(source) };
        client.build().map(HttpClient::new).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_shown_a_key() {
        let config = S3Config::new("evidence", "eu-central-1", "the-id", "the-secret").with_session_token("the-token");
        let bucket = crate::object_store::ObjectStoreBucket::s3(&config).unwrap();
        let blobs = crate::object_store::ObjectStoreBlobs::s3(&config).unwrap();
        let shown = format!("{config:?} {bucket:?} {blobs:?}");
        assert!(shown.contains("evidence"), "{shown}");
        for secret in ["the-id", "the-secret", "the-token"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        let error = S3Config::new("evidence", "eu-central-1", "id", "secret").at("no url").open().map(drop);
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}
