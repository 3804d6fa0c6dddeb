//! Model to wire, where no decision is left to make.

use fairway_proto::discovery::v1::resource::Spec;
use fairway_proto::discovery::v1::{self as wire, Origin, Resource, ResourceId, ResourceKind};

use crate::config::{EntryPointOptions, ServersTransport};
use crate::model::{Scheme, Server, Service};

pub(super) fn entry_point(name: &str, options: &EntryPointOptions) -> Resource {
    let forwarded = &options.forwarded_headers;
    let spec = Spec::EntryPoint(wire::EntryPoint {
        address: options.address.clone(),
        forwarded_headers: Some(wire::ForwardedHeaders {
            insecure: forwarded.insecure,
            trusted_ips: forwarded.trusted_ips.clone(),
        }),
    });
    let id = ResourceId {
        kind: ResourceKind::EntryPoint.into(),
        name: name.to_owned(),
    };
    let origin = Origin {
        provider: "internal".to_owned(),
        containers: Vec::new(),
    };
    Resource {
        id: Some(id),
        origin: Some(origin),
        spec: Some(spec),
    }
}

pub(super) fn resource(
    kind: ResourceKind,
    name: &str,
    provider: &str,
    containers: &[String],
    spec: Spec,
) -> Resource {
    Resource {
        id: Some(ResourceId {
            kind: kind.into(),
            name: name.to_owned(),
        }),
        origin: Some(Origin {
            provider: provider.to_owned(),
            containers: containers.to_vec(),
        }),
        spec: Some(spec),
    }
}

pub(super) fn service(service: &Service, transport: &ServersTransport) -> wire::Service {
    let millis = |time: std::time::Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    wire::Service {
        servers: service.servers.iter().map(server).collect(),
        pass_host_header: service.pass_host_header,
        unavailable_reason: service.unavailable.clone().unwrap_or_default(),
        dial_timeout_ms: millis(transport.dial_timeout),
        response_header_timeout_ms: millis(transport.response_header_timeout),
    }
}

fn server(server: &Server) -> wire::Server {
    let scheme = match server.scheme {
        Scheme::Http => wire::Scheme::Http,
        Scheme::Https => wire::Scheme::Https,
        Scheme::H2c => wire::Scheme::H2c,
    };
    wire::Server {
        id: server.id.clone(),
        scheme: scheme.into(),
        address: server.address.clone(),
        weight: server.weight,
        container: server.container.clone(),
    }
}
