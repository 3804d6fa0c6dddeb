//! URLs of servers: `loadBalancer.server.url` and the `url` of servers in files.

use http::Uri;

use crate::model::{Scheme, Server};

/// What a server's URL says, besides itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    scheme: Scheme,
    /// `host:port`.
    address: String,
    /// Without `/` at its end; empty if there is none.
    path: String,
}

impl ServerUrl {
    /// Reads a URL; what is wrong with it is a sentence for its author.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let no = |why: &str| format!("`{text}` is not the URL of a server: {why}");
        let uri: Uri = text.parse().map_err(|_| no("it cannot be read"))?;
        let (scheme, port) = match uri.scheme_str() {
            Some("http") => (Scheme::Http, 80),
            Some("https") => (Scheme::Https, 443),
            Some("h2c") => (Scheme::H2c, 80),
            Some(_) => return Err(no("its scheme must be http, https or h2c")),
            None => return Err(no("it lacks a scheme, as in http://host:80")),
        };
        let authority = uri.authority().ok_or_else(|| no("it lacks a host"))?;
        if authority.as_str().contains('@') {
            return Err(no("user names and passwords are not sent"));
        }
        let host = authority.host();
        let port = match authority.as_str().strip_prefix(host) {
            Some("") => port,
            _ => authority
                .port_u16()
                .filter(|port| *port > 0)
                .ok_or_else(|| no("its port must be a number from 1 to 65535"))?,
        };
        if host.is_empty() {
            return Err(no("it lacks a host"));
        }
        Ok(Self {
            scheme,
            address: format!("{host}:{port}"),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// The server at this URL.
    pub(crate) fn server(self, written: &str, preserve_path: bool, id: String) -> Server {
        Server {
            id,
            scheme: self.scheme,
            address: self.address,
            weight: 1,
            container: String::new(),
            written_url: Some(written.to_owned()),
            base_path: match preserve_path {
                true => self.path,
                false => String::new(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_scheme_an_address_and_a_path() {
        for (text, scheme, address, path) in [
            ("http://10.0.0.1:8080", Scheme::Http, "10.0.0.1:8080", ""),
            ("http://a.test/", Scheme::Http, "a.test:80", ""),
            ("https://a.test/base/", Scheme::Https, "a.test:443", "/base"),
            ("h2c://[::1]:50051/a/b", Scheme::H2c, "[::1]:50051", "/a/b"),
            ("http://[2001:db8::1]", Scheme::Http, "[2001:db8::1]:80", ""),
            ("https://app/base/?q#f", Scheme::Https, "app:443", "/base"),
            ("HTTP://app:1?x", Scheme::Http, "app:1", ""),
        ] {
            let url = ServerUrl::parse(text).unwrap();
            let found = (url.scheme, url.address.as_str(), url.path.as_str());
            assert_eq!(found, (scheme, address, path), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_server_says_why() {
        for (text, why) in [
            ("10.0.0.1:80", "it lacks a scheme"),
            ("", "it cannot be read"),
            ("http://", "it cannot be read"),
            ("ftp://a.test", "its scheme must be"),
            ("http://me:secret@a.test", "user names"),
            ("http://a.test:0", "its port must be"),
            ("http://a.test:99999", "it"),
            ("http://a test", "it cannot be read"),
            ("http://app:", "its port must be"),
        ] {
            let error = ServerUrl::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
