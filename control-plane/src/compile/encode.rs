//! Model to wire, where no decision is left to make.

use std::time::Duration;

use fairway_proto::discovery::v1::resource::Spec;
use fairway_proto::discovery::v1::service::Parts;
use fairway_proto::discovery::v1::{self as wire, Origin, Resource, ResourceId, ResourceKind};

use super::{name, observability, sticky};
use crate::config::{
    AllowedEscapes, EntryPointOptions, ForwardedHeaders, MetricsOptions, UnderscoreHeaders,
};
use crate::model::{
    HealthCheck, HealthCheckMode, LoadBalancer, PassiveHealthCheck, Scheme, Server,
    ServersTransport, Service, Strategy, WeightedService, limit_ms,
};

pub(super) fn entry_point(
    name: &str,
    options: &EntryPointOptions,
    middlewares: Vec<String>,
    metrics: &MetricsOptions,
) -> Resource {
    let http = &options.http;
    let transport = &options.transport;
    let underscore_headers = match http.underscore_headers {
        UnderscoreHeaders::Keep => wire::UnderscoreHeaders::Keep,
        UnderscoreHeaders::Delete => wire::UnderscoreHeaders::Delete,
        UnderscoreHeaders::Reject => wire::UnderscoreHeaders::Reject,
    };
    let spec = Spec::EntryPoint(wire::EntryPoint {
        address: options.address.clone(),
        forwarded_headers: Some(forwarded_headers(&options.forwarded_headers)),
        middlewares,
        encoded_characters: Some(escapes(http.encoded_characters)),
        keep_path_segments: !http.sanitize_path,
        encode_query_semicolons: http.encode_query_semicolons,
        underscore_headers: underscore_headers.into(),
        max_header_bytes: http.max_header_bytes.unwrap_or_default(),
        read_timeout_ms: millis(transport.read_timeout),
        write_timeout_ms: millis(transport.write_timeout),
        idle_timeout_ms: millis(transport.idle_timeout),
        keep_alive_max_requests: transport.keep_alive_max_requests,
        keep_alive_max_time_ms: millis(transport.keep_alive_max_time),
        request_accept_grace_ms: transport.request_accept_grace_timeout.map(millis),
        grace_timeout_ms: transport.grace_timeout.map(millis),
        proxy_protocol: options
            .proxy_protocol
            .as_ref()
            .map(|it| wire::ProxyProtocol {
                insecure: it.insecure,
                trusted_ips: it.trusted_ips.clone(),
            }),
        http2: Some(wire::Http2 {
            max_concurrent_streams: options.http2.max_concurrent_streams.map_or(0, u32::from),
            max_decoder_header_table_size: options.http2.max_decoder_header_table_size,
        }),
        observability: observability::encode(options.observability),
        metrics: Some(self::metrics(metrics)),
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

fn metrics(options: &MetricsOptions) -> wire::Metrics {
    let prometheus = options.prometheus.clone().unwrap_or_default();
    let nanos = |time: &Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    wire::Metrics {
        buckets_ns: prometheus.buckets.iter().map(nanos).collect(),
        hide_entry_points: !prometheus.add_entry_points_labels,
        hide_services: !prometheus.add_services_labels,
        show_routers: prometheus.add_routers_labels,
        header_labels: prometheus.header_labels,
        add_internals: options.add_internals,
    }
}

fn forwarded_headers(options: &ForwardedHeaders) -> wire::ForwardedHeaders {
    wire::ForwardedHeaders {
        insecure: options.insecure,
        trusted_ips: options.trusted_ips.clone(),
        connection: options.connection.clone(),
        not_append_x_forwarded_for: options.not_append_x_forwarded_for,
        add_x_forwarded_scheme_headers: options.add_x_forwarded_scheme_headers,
    }
}

fn escapes(allowed: AllowedEscapes) -> wire::EncodedCharacters {
    wire::EncodedCharacters {
        allow_slash: allowed.slash,
        allow_back_slash: allowed.back_slash,
        allow_null_character: allowed.null_character,
        allow_semicolon: allowed.semicolon,
        allow_percent: allowed.percent,
        allow_question_mark: allowed.question_mark,
        allow_hash: allowed.hash,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
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

/// The service of this qualified name, with references as seen from `provider`, and the
/// transport of its servers with its name.
pub(super) fn service(
    name: &str,
    provider: &str,
    service: &Service,
    transport: (String, &ServersTransport),
    as_part: impl Fn(&str) -> String,
) -> wire::Service {
    let part = |reference: &String| as_part(&name::qualify(reference, provider));
    let of = |parts: Parts| wire::Service {
        parts: Some(parts),
        ..wire::Service::default()
    };
    match service {
        Service::LoadBalancer(it) => load_balancer(name, it, transport),
        Service::Weighted(it) => wire::Service {
            sticky: it.sticky.as_ref().map(|it| sticky::cookie(name, it)),
            ..of(Parts::Weighted(weighted(&it.services, part)))
        },
        Service::HighestRandomWeight(it) => {
            of(Parts::HighestRandomWeight(weighted(&it.services, part)))
        }
        Service::Mirroring(it) => of(Parts::Mirroring(wire::Mirroring {
            service: part(&it.service),
            mirrors: it
                .mirrors
                .iter()
                .map(|mirror| wire::Mirror {
                    service: part(&mirror.name),
                    percent: mirror.percent.into(),
                })
                .collect(),
            mirror_body: it.mirror_body,
            max_body_size: it.max_body_size,
        })),
        Service::Failover(it) => {
            let errors = it.errors.as_ref();
            let ranges = errors.into_iter().flat_map(|errors| &errors.status);
            of(Parts::Failover(wire::Failover {
                service: part(&it.service),
                fallback: part(&it.fallback),
                statuses: ranges
                    .map(|(first, last)| wire::StatusRange {
                        first: (*first).into(),
                        last: (*last).into(),
                    })
                    .collect(),
                max_request_body_bytes: errors.and_then(|errors| errors.max_request_body_bytes),
            }))
        }
    }
}

/// Another service, behind middlewares.
pub(super) fn behind(middlewares: Vec<String>, service: &str) -> wire::Service {
    let behind = wire::Behind {
        middlewares,
        service: service.to_owned(),
    };
    wire::Service {
        parts: Some(Parts::Behind(behind)),
        ..wire::Service::default()
    }
}

fn weighted(
    services: &[WeightedService],
    part: impl Fn(&String) -> String,
) -> wire::WeightedServices {
    let services = services.iter().map(|it| wire::WeightedService {
        service: part(&it.name),
        weight: it.weight,
        name: it.name.clone(),
        cookie: sticky::value(&it.name),
    });
    wire::WeightedServices {
        services: services.collect(),
    }
}

fn load_balancer(
    name: &str,
    it: &LoadBalancer,
    (transport_name, transport): (String, &ServersTransport),
) -> wire::Service {
    // Clients keep to their servers by themselves where addresses decide.
    let sticky = it.sticky.as_ref().filter(|_| it.strategy != Strategy::Hrw);
    let strategy = match it.strategy {
        Strategy::Wrr => wire::Strategy::Wrr,
        Strategy::P2c => wire::Strategy::P2c,
        Strategy::Hrw => wire::Strategy::Hrw,
        Strategy::LeastTime => wire::Strategy::Leasttime,
    };
    wire::Service {
        servers: it
            .servers
            .iter()
            .map(|it| server(it, sticky.is_some()))
            .collect(),
        pass_host_header: it.pass_host_header,
        unavailable_reason: it.unavailable.clone().unwrap_or_default(),
        health_check: it.health_check.as_deref().map(health_check),
        passive_health_check: it.passive_health_check.as_ref().map(passive_health_check),
        strategy: strategy.into(),
        sticky: sticky.map(|it| sticky::cookie(name, it)),
        servers_transport: transport_name,
        ..limits(transport)
    }
}

/// A service of which nothing is known but how long its servers may take.
pub(super) fn limits(transport: &ServersTransport) -> wire::Service {
    wire::Service {
        dial_timeout_ms: match limit_ms(transport.dial_timeout) {
            // What a proxy reads as its own default.
            0 => u32::MAX,
            millis => millis,
        },
        response_header_timeout_ms: limit_ms(transport.response_header_timeout),
        ..wire::Service::default()
    }
}

fn server(server: &Server, is_sticky: bool) -> wire::Server {
    wire::Server {
        id: server.id.clone(),
        scheme: scheme(server.scheme).into(),
        address: server.address.clone(),
        weight: server.weight,
        container: server.container.clone(),
        url: server.written_url.clone().unwrap_or_default(),
        base_path: server.base_path.clone(),
        cookie: match is_sticky {
            true => sticky::value(&server.url()),
            false => String::new(),
        },
    }
}

fn health_check(check: &HealthCheck) -> wire::HealthCheck {
    let mode = match check.mode {
        HealthCheckMode::Http => wire::HealthCheckMode::Http,
        HealthCheckMode::Grpc => wire::HealthCheckMode::Grpc,
    };
    wire::HealthCheck {
        mode: mode.into(),
        path: format!("/{}", check.path.trim_start_matches('/')),
        scheme: check.scheme.map_or(0, |it| scheme(it).into()),
        port: check.port.unwrap_or_default().into(),
        hostname: check.hostname.clone(),
        method: check.method.clone(),
        status: check.status.unwrap_or_default().into(),
        headers: check.headers.clone(),
        interval_ms: millis_u32(check.interval),
        unhealthy_interval_ms: millis_u32(check.unhealthy_interval),
        timeout_ms: millis_u32(check.timeout),
        follow_redirects: check.follow_redirects,
    }
}

fn passive_health_check(check: &PassiveHealthCheck) -> wire::PassiveHealthCheck {
    wire::PassiveHealthCheck {
        failure_window_ms: millis_u32(check.failure_window),
        max_failed_attempts: check.max_failed_attempts,
    }
}

fn scheme(scheme: Scheme) -> wire::Scheme {
    match scheme {
        Scheme::Http => wire::Scheme::Http,
        Scheme::Https => wire::Scheme::Https,
        Scheme::H2c => wire::Scheme::H2c,
    }
}

fn millis_u32(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
