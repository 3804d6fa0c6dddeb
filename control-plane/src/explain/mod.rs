//! `fairway-control explain`: asks a running control plane what a request would meet.
//!
//! A client of the inspection service and no part of the control plane's own flow.
//! The answer is a proxy's; this only writes it down, for a person or as JSON.

pub(crate) mod json;
mod text;

use clap::{CommandFactory as _, Parser, ValueEnum};
use fairway_proto::MAX_MESSAGE_BYTES;
use fairway_proto::discovery::v1::{KeyValue, RequestHead};
use fairway_proto::inspection::v1::explain_request::Proxies;
use fairway_proto::inspection::v1::inspection_client::InspectionClient;
use fairway_proto::inspection::v1::{ExplainRequest, ExplainResponse};
use http::Uri;
use http::header::HOST;
use tonic::transport::Endpoint;

/// What to ask, whom, and how to write the answer.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(
    name = "fairway-control explain",
    about = "Tell what a request would meet at a proxy: entry point, routers tried, middlewares, servers, outcome. Nothing is sent to a server.",
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub struct ExplainOptions {
    /// Control plane to ask.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
    pub server: String,
    /// The proxy that is to answer [default: any].
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    pub node: Option<String>,
    /// Ask every proxy and compare the answers.
    #[arg(long)]
    pub all: bool,
    /// Method of the request.
    #[arg(
        short = 'X',
        long = "request",
        value_name = "METHOD",
        default_value = "GET"
    )]
    pub method: String,
    /// Header of the request, `Name: value`; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub headers: Vec<String>,
    /// Entry point by its name [default: the one on the URL's port].
    #[arg(long = "entrypoint", value_name = "NAME")]
    pub entry_point: Option<String>,
    /// Address the client connects from.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub client: std::net::IpAddr,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// The request's URL: its host and port stand for the Host and the entry point.
    pub url: String,
}

/// Form of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// Not the URL of a request.
    #[error("{url:?} is not a URL to explain: {why}")]
    Url {
        /// As written.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// Not of the form `Name: value`.
    #[error("{0:?} is not a header; write `Name: value`")]
    Header(String),
    /// Not the URL of a control plane.
    #[error("{0:?} is not the URL of a control plane, such as http://127.0.0.1:9090")]
    Server(String),
    /// Nobody there.
    #[error("no control plane answers at {url}; name it with --server")]
    Connect {
        /// As written.
        url: String,
        /// What the system says.
        source: tonic::transport::Error,
    },
    /// It answers that it cannot.
    #[error("{}", .0.message())]
    Refused(tonic::Status),
}

/// Asks, and writes the answer down.
///
/// # Errors
/// If the question is none, or nobody answers it.
pub async fn explain(options: &ExplainOptions) -> Result<String, ExplainError> {
    let request = options.request()?;
    let response = ask(&options.server, request).await?;
    Ok(match options.format {
        Format::Text => text::write(options, &response),
        Format::Json => format!("{:#}\n", json::value(options.all, &response)),
    })
}

async fn ask(server: &str, request: ExplainRequest) -> Result<ExplainResponse, ExplainError> {
    let url = || server.to_owned();
    let channel = endpoint(server)
        .ok_or_else(|| ExplainError::Server(url()))?
        .connect()
        .await
        .map_err(|source| ExplainError::Connect { url: url(), source })?;
    let answer = InspectionClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .explain(request)
        .await;
    Ok(answer.map_err(ExplainError::Refused)?.into_inner())
}

fn endpoint(server: &str) -> Option<Endpoint> {
    let uri: Uri = server.parse().ok()?;
    let is_url = uri.scheme_str() == Some("http") && uri.host().is_some();
    is_url.then(|| Endpoint::from(uri))
}

impl ExplainError {
    /// 2 where the command line is wrong, 1 where there is no answer to it.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Url { .. } | Self::Header(_) | Self::Server(_) => 2,
            Self::Connect { .. } | Self::Refused(_) => 1,
        }
    }
}

impl ExplainOptions {
    /// The text of `explain --help`.
    #[must_use]
    pub fn help() -> String {
        Self::command().render_help().to_string()
    }

    /// The question.
    pub(crate) fn request(&self) -> Result<ExplainRequest, ExplainError> {
        let bad = |why: &str| ExplainError::Url {
            url: self.url.clone(),
            why: why.to_owned(),
        };
        let uri: Uri = match self.url.contains("://") {
            true => self.url.parse(),
            false => format!("http://{}", self.url).parse(),
        }
        .map_err(|error: http::uri::InvalidUri| bad(&error.to_string()))?;
        let default_port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(bad("write http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| bad("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad(
                "leave the user name out, or send it with -H 'Authorization: …'",
            ));
        }
        let mut host = authority.as_str().to_owned();
        let mut headers = Vec::new();
        for line in &self.headers {
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| ExplainError::Header(line.clone()))?;
            let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
            // As with other clients, the header takes the place of the URL's host.
            if name.eq_ignore_ascii_case(HOST.as_str()) {
                host = value;
            } else {
                headers.push(KeyValue { key: name, value });
            }
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Ok(ExplainRequest {
            request: Some(RequestHead {
                method: self.method.clone(),
                host,
                port: uri.port_u16().unwrap_or(default_port).into(),
                entry_point: self.entry_point.clone().unwrap_or_default(),
                target: target.to_owned(),
                headers,
                client: self.client.to_string(),
            }),
            proxies: match &self.node {
                Some(node) => Some(Proxies::Node(node.clone())),
                None => self.all.then_some(Proxies::All(true)),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &[&str]) -> ExplainOptions {
        ExplainOptions::try_parse_from([&["explain"], line].concat()).expect("options")
    }

    #[test]
    fn the_url_stands_for_host_entry_point_and_target() {
        for (url, host, port, target) in [
            ("http://a.test", "a.test", 80, "/"),
            ("https://a.test/x?y=z#frag", "a.test", 443, "/x?y=z"),
            ("http://a.test:8080/x", "a.test:8080", 8080, "/x"),
            ("a.test/x", "a.test", 80, "/x"),
            ("a.test:81", "a.test:81", 81, "/"),
            ("http://[::1]:81/", "[::1]:81", 81, "/"),
        ] {
            let request = options(&[url])
                .request()
                .expect("a request")
                .request
                .expect("a head");
            assert_eq!(
                (request.host.as_str(), request.port, request.target.as_str()),
                (host, port, target),
                "{url}"
            );
        }
    }

    #[test]
    fn a_host_header_takes_the_place_of_the_urls_host() {
        let asked = options(&[
            "-X",
            "POST",
            "-H",
            "Host: b.test",
            "-H",
            "X-A:1",
            "--node",
            "p1",
            "http://a.test:81/",
        ]);
        let asked = asked.request().expect("a request");
        assert_eq!(asked.proxies, Some(Proxies::Node("p1".into())));
        let head = asked.request.expect("a head");
        assert_eq!(
            (head.method.as_str(), head.host.as_str(), head.port),
            ("POST", "b.test", 81)
        );
        assert_eq!(
            head.headers,
            [KeyValue {
                key: "X-A".into(),
                value: "1".into()
            }]
        );
    }

    #[test]
    fn what_cannot_be_asked_is_refused_with_what_would_work() {
        for (line, expected) in [
            (&["ftp://a.test/"][..], "write http:// or https://"),
            (&["http://u:p@a.test/"], "leave the user name out"),
            (&["http://a b/"], "is not a URL"),
            (&["-H", "nonsense", "a.test"], "write `Name: value`"),
        ] {
            let error = options(line).request().expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
