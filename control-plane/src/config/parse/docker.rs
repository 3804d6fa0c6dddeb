//! `providers.docker.*`, and the variables of Docker's own tools.

use super::super::ConfigError;
use super::super::flag::Assignment;
use crate::model::{ClientTls, Diagnostic, Pem};
use crate::provider::docker::{
    Access, Constraint, Credentials, DefaultRule, DockerOptions, Endpoint,
};
use crate::rule::RuleSyntax;

/// Where the engine is.
const HOST: &str = "DOCKER_HOST";
/// Directory with `ca.pem`, `cert.pem` and `key.pem`.
const CERT_PATH: &str = "DOCKER_CERT_PATH";
/// Anything: the engine's certificate must be good.
const TLS_VERIFY: &str = "DOCKER_TLS_VERIFY";
/// Version of the API that is spoken.
const API_VERSION: &str = "DOCKER_API_VERSION";

/// What the flags say of the Docker provider.
#[derive(Default)]
pub(super) struct DockerDraft {
    options: DockerOptions,
    off: bool,
    endpoint: Option<String>,
    tls: ClientTls,
    username: String,
    password: String,
}

impl DockerDraft {
    pub(super) fn assign(&mut self, it: &Assignment) -> Result<(), ConfigError> {
        let docker = &mut self.options;
        let flag = || it.written.clone();
        match it.flag.path {
            "providers.docker" => self.off = !it.truth()?,
            "providers.docker.endpoint" => self.endpoint = Some(it.value.clone()),
            "providers.docker.username" => self.username.clone_from(&it.value),
            "providers.docker.password" => self.password.clone_from(&it.value),
            "providers.docker.tls.ca" => self.tls.ca = Pem::new(&it.value),
            "providers.docker.tls.cert" => self.tls.cert = Pem::new(&it.value),
            "providers.docker.tls.key" => self.tls.key = Pem::new(&it.value),
            "providers.docker.tls.insecureSkipVerify" => {
                self.tls.insecure_skip_verify = it.truth()?;
            }
            "providers.docker.exposedByDefault" => docker.exposed_by_default = it.truth()?,
            "providers.docker.network" => docker.network.clone_from(&it.value),
            "providers.docker.watch" => docker.watch = it.truth()?,
            "providers.docker.useBindPortIP" => docker.use_bind_port_ip = it.truth()?,
            "providers.docker.allowEmptyServices" => docker.allow_empty_services = it.truth()?,
            "providers.docker.defaultRule" => {
                docker.default_rule =
                    DefaultRule::parse(&it.value).map_err(|source| ConfigError::DefaultRule {
                        flag: flag(),
                        source,
                    })?;
            }
            "providers.docker.constraints" => {
                docker.constraint =
                    Constraint::parse(&it.value).map_err(|source| ConfigError::Constraint {
                        flag: flag(),
                        source,
                    })?;
            }
            _ => {}
        }
        Ok(())
    }

    /// `None` if the provider is switched off.
    pub(super) fn finish(
        mut self,
        rule_syntax: RuleSyntax,
        env: &impl Fn(&str) -> Option<String>,
        warnings: &mut Vec<Diagnostic>,
    ) -> Result<Option<DockerOptions>, ConfigError> {
        if self.off {
            return Ok(None);
        }
        self.options.rule_syntax = rule_syntax;
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let access = &mut self.options.access;
        if let Some(endpoint) = endpoint(self.endpoint, &env, warnings)? {
            access.endpoint = endpoint;
        }
        access.tls = tls(self.tls, &env, warnings)?;
        access.credentials = credentials(self.username, self.password, warnings);
        if let Some(version) = env(API_VERSION) {
            let parsed = version.parse().map_err(|()| ConfigError::InvalidValue {
                flag: API_VERSION.to_owned(),
                value: version,
                expected: "a version of the engine's API, as in 1.44".to_owned(),
            })?;
            access.api_version = Some(parsed);
        }
        warn_of_unused(access, warnings);
        Ok(Some(self.options))
    }
}

/// As with Docker's own tools, the variable overrides what is configured.
fn endpoint(
    flag: Option<String>,
    env: &impl Fn(&str) -> Option<String>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Option<Endpoint>, ConfigError> {
    let (origin, text) = match (env(HOST), flag) {
        (Some(variable), flag) => {
            if flag.is_some_and(|flag| flag != variable) {
                warnings.push(Diagnostic::warning(
                    format!("{HOST}={variable} overrides --providers.docker.endpoint"),
                    format!("unset {HOST} to use the flag"),
                ));
            }
            (HOST, variable)
        }
        (None, Some(flag)) => ("flag --providers.docker.endpoint", flag),
        (None, None) => return Ok(None),
    };
    let parsed = Endpoint::parse(&text).map_err(|source| ConfigError::Endpoint {
        origin: origin.to_owned(),
        source,
    })?;
    Ok(Some(parsed))
}

/// The same for certificates.
fn tls(
    flags: ClientTls,
    env: &impl Fn(&str) -> Option<String>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Option<ClientTls>, ConfigError> {
    let is_said = flags != ClientTls::default();
    if let Some(directory) = env(CERT_PATH) {
        if is_said {
            warnings.push(Diagnostic::warning(
                format!("{CERT_PATH}={directory} overrides --providers.docker.tls"),
                format!("unset {CERT_PATH} to use the flags"),
            ));
        }
        let verify = env(TLS_VERIFY).is_some();
        if !verify {
            warnings.push(Diagnostic::warning(
                format!("{CERT_PATH} without {TLS_VERIFY} takes any certificate of the engine"),
                format!("set {TLS_VERIFY}=1"),
            ));
        }
        let file = |name: &str| Pem::new(format!("{}/{name}", directory.trim_end_matches('/')));
        return Ok(Some(ClientTls {
            ca: file("ca.pem"),
            cert: file("cert.pem"),
            key: file("key.pem"),
            insecure_skip_verify: !verify,
        }));
    }
    let (has, lacks) = match (flags.cert.is_empty(), flags.key.is_empty()) {
        (false, true) => ("cert", "key"),
        (true, false) => ("key", "cert"),
        _ => return Ok(is_said.then_some(flags)),
    };
    Err(ConfigError::Together {
        has: format!("--providers.docker.tls.{has}"),
        lacks: format!("--providers.docker.tls.{lacks}"),
    })
}

/// As with Traefik, one without the other is none.
fn credentials(
    username: String,
    password: String,
    warnings: &mut Vec<Diagnostic>,
) -> Option<Credentials> {
    let has = (!username.is_empty(), !password.is_empty());
    if has.0 != has.1 {
        warnings.push(Diagnostic::warning(
            "only one of --providers.docker.username and password is set: neither is used",
            "set both, or none",
        ));
    }
    (has == (true, true)).then_some(Credentials { username, password })
}

fn warn_of_unused(access: &Access, warnings: &mut Vec<Diagnostic>) {
    let local = matches!(access.endpoint, Endpoint::Unix(_));
    if local && access.tls.is_some() {
        warnings.push(Diagnostic::warning(
            format!("TLS has no effect with the endpoint {}", access.endpoint),
            "name an endpoint of tcp:// or https://, or leave the certificates out",
        ));
    }
}
