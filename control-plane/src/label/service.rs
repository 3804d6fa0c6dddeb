//! Options of a service.

use super::fields::Fields;
use super::vocabulary::is_pending_value;
use super::{ServiceLabels, value};
use crate::model::{ObjectKind, Scheme};

const PORT: &str = "loadBalancer.server.port";
const SCHEME: &str = "loadBalancer.server.scheme";
const STRATEGY: &str = "loadBalancer.strategy";
const TRANSPORT: &str = "loadBalancer.serversTransport";

/// Reads a service; what is wrong is told to the fields.
pub(super) fn decode(fields: &mut Fields) -> ServiceLabels {
    if !fields.has_mistakes() && !fields.groups().any(|group| group == "loadBalancer") {
        let suggestion = format!("write {}=<port of the container>", fields.key(PORT));
        fields.reject("", "the service has no load balancer", suggestion);
    }
    check_strategy(fields);
    check_transport(fields);
    ServiceLabels {
        port: port(fields),
        scheme: scheme(fields),
        weight: fields.integer("loadBalancer.server.weight"),
        pass_host_header: fields
            .boolean("loadBalancer.passHostHeader")
            .unwrap_or(true),
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
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Some(Scheme::Http),
        "https" => Some(Scheme::Https),
        "h2c" => Some(Scheme::H2c),
        _ => {
            fields.reject(
                SCHEME,
                format!("`{scheme}` is not a scheme"),
                "write http, https or h2c",
            );
            None
        }
    }
}

fn check_strategy(fields: &mut Fields) {
    let Some(strategy) = fields.some_text(STRATEGY) else {
        return;
    };
    match strategy.as_str() {
        "wrr" => {}
        _ if is_pending_value(ObjectKind::Service, STRATEGY, &strategy) => fields.remark(
            STRATEGY,
            format!("the strategy {strategy} has no effect yet: the servers are used in turn"),
            "remove the label, or leave it for a later version",
        ),
        _ => fields.reject(
            STRATEGY,
            format!("`{strategy}` is not a strategy"),
            "write wrr, or remove the label",
        ),
    }
}

fn check_transport(fields: &mut Fields) {
    let transport = fields.some_text(TRANSPORT).unwrap_or_default();
    // It may hold the only certificates the author trusts.
    if is_pending_value(ObjectKind::Service, TRANSPORT, &transport) {
        fields.reject(
            TRANSPORT,
            format!("the servers transport {transport} does not exist: none is available yet"),
            "remove the label, if the default transport will do",
        );
    }
}
