//! Options of a service.

use super::fields::Fields;
use super::{ServiceLabels, health_check, value};
use crate::model::{Cookie, LoadBalancer, SameSite, Scheme, Strategy};
use crate::server_url::ServerUrl;

const PORT: &str = "loadBalancer.server.port";
const SCHEME: &str = "loadBalancer.server.scheme";
const URL: &str = "loadBalancer.server.url";
const PRESERVE_PATH: &str = "loadBalancer.server.preservePath";
const STRATEGY: &str = "loadBalancer.strategy";
const TRANSPORT: &str = "loadBalancer.serversTransport";

/// Reads a service; what is wrong is told to the fields.
pub(super) fn decode(fields: &mut Fields) -> ServiceLabels {
    if !fields.has_mistakes() && !fields.groups().any(|group| group == "loadBalancer") {
        let suggestion = format!("write {}=<port of the container>", fields.key(PORT));
        fields.reject("", "the service has no load balancer", suggestion);
    }
    let load_balancer = load_balancer(fields);
    ServiceLabels {
        port: port(fields),
        scheme: scheme(fields),
        url: url(fields),
        preserve_path: fields.boolean(PRESERVE_PATH).unwrap_or(false),
        weight: fields.integer("loadBalancer.server.weight"),
        load_balancer,
    }
}

/// The options of the balancer, which labels and files have in common; no servers.
pub(super) fn load_balancer(fields: &mut Fields) -> LoadBalancer {
    let strategy = strategy(fields);
    let sticky = sticky(fields, "loadBalancer");
    if strategy == Strategy::Hrw && sticky.is_some() {
        let message = "sticky has no effect with the strategy hrw: the client's address decides";
        fields.remark(STRATEGY, message, "remove one of the two");
    }
    LoadBalancer {
        strategy,
        sticky,
        pass_host_header: fields
            .boolean("loadBalancer.passHostHeader")
            .unwrap_or(true),
        servers_transport: fields.some_text(TRANSPORT),
        health_check: health_check::active(fields).map(Box::new),
        passive_health_check: health_check::passive(fields),
        middlewares: fields.list("middlewares"),
        ..LoadBalancer::default()
    }
}

fn port(fields: &mut Fields) -> Option<String> {
    let port = fields.some_text(PORT)?;
    if !value::is_port(&port) {
        fields.reject(
            PORT,
            format!("`{port}` is not a port"),
            "write the port the container listens on, a number from 1 to 65535",
        );
    }
    Some(port)
}

fn scheme(fields: &mut Fields) -> Option<Scheme> {
    let scheme = fields.some_text(SCHEME)?;
    let known = Scheme::from_word(&scheme);
    if known.is_none() {
        fields.reject(
            SCHEME,
            format!("`{scheme}` is not a scheme"),
            "write http, https or h2c",
        );
    }
    known
}

/// The URL of the server, in place of the container's address.
fn url(fields: &mut Fields) -> Option<String> {
    let Some(url) = fields.some_text(URL) else {
        if fields.boolean(PRESERVE_PATH) == Some(true) {
            let message = "preservePath has no effect without loadBalancer.server.url";
            fields.remark(PRESERVE_PATH, message, "remove the label");
        }
        return None;
    };
    for other in [PORT, SCHEME] {
        if fields.some_text(other).is_some() {
            let message = format!("{URL} and {other} exclude each other");
            fields.reject(other, message, "write port and scheme into the URL");
        }
    }
    if let Err(why) = ServerUrl::parse(&url) {
        fields.reject(URL, why, "write a URL such as http://10.0.0.2:8080");
    }
    Some(url)
}

fn strategy(fields: &mut Fields) -> Strategy {
    let Some(word) = fields.some_text(STRATEGY) else {
        return Strategy::default();
    };
    Strategy::from_word(&word).unwrap_or_else(|| {
        let message = format!("`{word}` is not a strategy");
        fields.reject(STRATEGY, message, "write wrr, p2c, hrw or leasttime");
        Strategy::default()
    })
}

/// The cookie of a kind of service.
pub(super) fn sticky(fields: &mut Fields, kind: &str) -> Option<Cookie> {
    let option = |name: &str| format!("{kind}.sticky.cookie.{name}");
    if !fields.has_group(&format!("{kind}.sticky.cookie")) {
        return None;
    }
    let same_site = fields.some_text(&option("sameSite"));
    let cookie = Cookie {
        name: fields.some_text(&option("name")),
        secure: fields.boolean(&option("secure")).unwrap_or(false),
        http_only: fields.boolean(&option("httpOnly")).unwrap_or(false),
        same_site: same_site.as_deref().and_then(SameSite::from_word),
        max_age: fields.integer(&option("maxAge")).unwrap_or(0),
        path: fields.some_text(&option("path")),
        domain: fields.some_text(&option("domain")).unwrap_or_default(),
    };
    if let Some(word) = same_site.filter(|_| cookie.same_site.is_none()) {
        let message = format!("`{word}` is no sameSite: the cookie goes without");
        fields.remark(&option("sameSite"), message, "write none, lax or strict");
    }
    Some(cookie)
}
