//! How a server is reached, and as whom.

use std::fmt;
use std::path::{Path, PathBuf};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use pathops_core::{Error, ErrorKind, Result};

/// How a server is reached, and as whom. `Debug` shows no secret.
#[derive(Clone)]
pub struct Access {
    way: Way,
    token: Token,
    roots: Option<PathBuf>,
}

#[derive(Clone, Debug)]
enum Way {
    InCluster,
    Kubeconfig {
        file: PathBuf,
        context: Option<String>,
    },
    /// `None` where it had a credential in it, which is not kept.
    Url(Option<String>),
}

#[derive(Clone)]
enum Token {
    None,
    Fixed(String),
    File(PathBuf),
}

impl Access {
    /// The API server of the cluster that this process runs in, as the pod's service account. Its token is read again as it is
    /// renewed.
    #[must_use]
    pub fn in_cluster() -> Self {
        Self::by(Way::InCluster)
    }

    /// As a kubeconfig file says: its current context, or this one. Programs that it names for credentials are run.
    #[must_use]
    pub fn kubeconfig(file: impl Into<PathBuf>, context: Option<&str>) -> Self {
        Self::by(Way::Kubeconfig { file: file.into(), context: context.map(str::to_owned) })
    }

    /// A server at this URL, without a credential. One in the URL itself, which is where an `@` is, is refused by the first call:
    /// URLs are shown.
    #[must_use]
    pub fn url(url: impl Into<String>) -> Self {
        Self::by(Way::Url(Some(url.into()).filter(|url| !url.contains('@'))))
    }

    /// With this bearer token. It counts with [`Access::url`] only.
    #[must_use]
    pub fn token(self, token: impl Into<String>) -> Self {
        Self { token: Token::Fixed(token.into()), ..self }
    }

    /// With the bearer token in this file, which is read again once the server refuses the last one. It counts with
    /// [`Access::url`] only.
    #[must_use]
    pub fn token_file(self, file: impl Into<PathBuf>) -> Self {
        Self { token: Token::File(file.into()), ..self }
    }

    /// Trusting the certificates in this PEM file, and no others. It counts with [`Access::url`] only.
    #[must_use]
    pub fn trusting(self, pem: impl Into<PathBuf>) -> Self {
        Self { roots: Some(pem.into()), ..self }
    }

    fn by(way: Way) -> Self {
        Self { way, token: Token::None, roots: None }
    }

    /// Which server it is, for errors.
    pub(crate) fn remote(&self) -> String {
        match &self.way {
            Way::InCluster => "kubernetes.default.svc".to_owned(),
            Way::Kubeconfig { file, context: None } => format!("the cluster of {}", file.display()),
            Way::Kubeconfig { file, context: Some(context) } => format!("the cluster `{context}` of {}", file.display()),
            Way::Url(url) => {
                let url = url.as_deref().and_then(|url| url.parse::<http::Uri>().ok());
                url.and_then(|url| Some(url.authority()?.to_string())).unwrap_or_else(|| "a server without a name".to_owned())
            }
        }
    }

    /// A client with the credential as it is now. Reads files and may run a program, so not on a thread that others wait for.
    pub(crate) async fn client(&self) -> Result<Client> {
        let access = self.clone();
        let runtime = tokio::runtime::Handle::current();
        let made = tokio::task::spawn_blocking(move || runtime.block_on(access.make())).await;
        made.map_err(|error| Error::new(ErrorKind::Unexpected, OPERATION).with_source(error))?
    }

    async fn make(&self) -> Result<Client> {
        let mut config = match &self.way {
            Way::InCluster => Config::incluster_dns().map_err(|error| self.unusable(error))?,
            Way::Kubeconfig { file, context } => {
                let kubeconfig = Kubeconfig::read_from(file).map_err(|error| self.unusable(error))?;
                let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
                Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| self.unusable(error))?
            }
            Way::Url(Some(url)) => self.at(url)?,
            Way::Url(None) => {
                let refused = Error::new(ErrorKind::Invalid, OPERATION).because("the URL has an `@`, so a credential is in it");
                return Err(refused.advise("leave it out, and hand it in by `Access::token`"));
            }
        };
        // The driver retries, in one place.
        config.default_retry = false;
        Client::try_from(config).map_err(|error| self.unusable(error))
    }

    fn at(&self, url: &str) -> Result<Config> {
        let mut config = Config::new(url.parse().map_err(|error: http::uri::InvalidUri| self.unusable(error))?);
        config.auth_info.token = self.bearer()?.map(Into::into);
        config.root_cert_file.clone_from(&self.roots);
        Ok(config)
    }

    fn bearer(&self) -> Result<Option<String>> {
        match &self.token {
            Token::None => Ok(None),
            Token::Fixed(token) => Ok(Some(token.clone())),
            Token::File(file) => Ok(Some(self.read(file)?.trim().to_owned())),
        }
    }

    fn read(&self, file: &Path) -> Result<String> {
        std::fs::read_to_string(file).map_err(|error| self.unusable(error).on(file.display()))
    }

    fn unusable(&self, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::new(ErrorKind::Unavailable, OPERATION)
            .on(format!("{:?}", self.way))
            .because("the address or the credential cannot be used")
            .with_source(error)
            .advise("see how the host gives access to it")
    }
}

const OPERATION: &str = "set up a client";

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { way, token, roots } = self;
        f.debug_struct("Access").field("way", way).field("token", token).field("roots", roots).finish()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::None => f.write_str("None"),
            Token::Fixed(_) => f.write_str("Fixed(…)"),
            Token::File(file) => f.debug_tuple("File").field(file).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_credential_in_a_url_is_refused_and_never_shown() {
        for url in ["https://robot:s3cret@argocd.example", "https://robot:s3/cret@argocd.example/argo", "s3cret@argocd.example"] {
            let access = Access::url(url);
            let error = access.client().await.map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            let shown = format!("{access:?} {access:#?} {error} {error:?}");
            assert!(!shown.contains("s3") && !shown.contains("cret@"), "{shown}");
        }
        assert!(format!("{:?}", Access::url("https://argocd.example")).contains("https://argocd.example"));
    }

    #[test]
    fn a_server_is_named_without_a_secret() {
        assert_eq!(Access::url("https://argocd.example:8443/argo").remote(), "argocd.example:8443");
        assert_eq!(Access::url("https://robot:s3cret@argocd.example").remote(), "a server without a name");
        assert_eq!(Access::kubeconfig("/etc/kube", Some("shop")).remote(), "the cluster `shop` of /etc/kube");
    }
}
