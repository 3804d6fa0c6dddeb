//! Services of a file: servers by their URLs, and services that consist of others.

use super::server;
use crate::label::Fields;
use crate::label::service::{load_balancer, sticky};
use crate::model::{
    Failover, FailoverErrors, HighestRandomWeight, LoadBalancer, Mirror, Mirroring, Service,
    Weighted, WeightedService,
};

/// Reads a service; what is wrong is told to the fields.
pub(super) fn decode(fields: &mut Fields, file: &str) -> Option<Service> {
    let kinds: Vec<&'static str> = fields
        .groups()
        .filter(|group| KINDS.contains(group))
        .collect();
    match kinds.as_slice() {
        ["loadBalancer"] => Some(Service::LoadBalancer(balanced(fields, file))),
        ["weighted"] => Some(Service::Weighted(weighted(fields))),
        ["highestRandomWeight"] => Some(Service::HighestRandomWeight(HighestRandomWeight {
            services: parts(fields, "highestRandomWeight"),
            health_check: fields.has_group("highestRandomWeight.healthCheck"),
            middlewares: fields.list("middlewares"),
        })),
        ["mirroring"] => Some(Service::Mirroring(mirroring(fields))),
        ["failover"] => Some(Service::Failover(failover(fields))),
        [first, second, ..] => {
            let message = format!("the service is both {first} and {second}");
            fields.reject("", message, "give each of them a service of its own name");
            None
        }
        _ => {
            if !fields.has_mistakes() {
                let advice = format!("write {}: http://HOST:PORT", fields.key(server::URL));
                fields.reject("", "the service has no load balancer", advice);
            }
            None
        }
    }
}

const KINDS: [&str; 5] = [
    "loadBalancer",
    "weighted",
    "highestRandomWeight",
    "mirroring",
    "failover",
];

fn balanced(fields: &mut Fields, file: &str) -> LoadBalancer {
    let mut balancer = load_balancer(fields);
    balancer.servers = server::list(fields, file);
    if balancer.servers.is_empty() {
        balancer.unavailable = Some("its file lists no server that takes requests".to_owned());
    }
    balancer
}

fn weighted(fields: &mut Fields) -> Weighted {
    Weighted {
        services: parts(fields, "weighted"),
        sticky: sticky(fields, "weighted"),
        health_check: fields.has_group("weighted.healthCheck"),
        middlewares: fields.list("middlewares"),
    }
}

/// The services of a weighted one, by the name of the kind.
fn parts(fields: &mut Fields, kind: &str) -> Vec<WeightedService> {
    let list = format!("{kind}.services");
    let (name, weight) = (format!("{list}[].name"), format!("{list}[].weight"));
    let count = fields.count(&list).unwrap_or_default();
    if count == 0 {
        let advice = format!("write {}: NAME", fields.key(&name));
        fields.reject("", format!("{kind} lists no services"), advice);
    }
    let mut parts = Vec::new();
    for at in 0..count {
        let Some(service) = named(fields, &name, at) else {
            continue;
        };
        let share = fields.integer_at(&weight, at).unwrap_or(1);
        match u32::try_from(share) {
            Ok(weight) => parts.push(WeightedService {
                name: service,
                weight,
            }),
            Err(_) => {
                let message = format!("the weight {share} is not a share of requests");
                fields.reject_at(&weight, at, message, "write 0 or more");
            }
        }
    }
    parts
}

fn mirroring(fields: &mut Fields) -> Mirroring {
    const NAME: &str = "mirroring.mirrors[].name";
    const PERCENT: &str = "mirroring.mirrors[].percent";
    let mut mirrors = Vec::new();
    for at in 0..fields.count("mirroring.mirrors").unwrap_or_default() {
        let Some(name) = named(fields, NAME, at) else {
            continue;
        };
        let percent = fields.integer_at(PERCENT, at).unwrap_or_default();
        match u8::try_from(percent).ok().filter(|it| *it <= 100) {
            Some(percent) => mirrors.push(Mirror { name, percent }),
            None => {
                let message = format!("{percent} is no percentage");
                fields.reject_at(PERCENT, at, message, "write 0 to 100");
            }
        }
    }
    Mirroring {
        service: required(fields, "mirroring.service"),
        mirrors,
        mirror_body: fields.boolean("mirroring.mirrorBody").unwrap_or(true),
        max_body_size: limit(fields, "mirroring.maxBodySize"),
        health_check: fields.has_group("mirroring.healthCheck"),
        middlewares: fields.list("middlewares"),
    }
}

fn failover(fields: &mut Fields) -> Failover {
    let errors = fields.has_group("failover.errors").then(|| FailoverErrors {
        status: statuses(fields, "failover.errors.status"),
        max_request_body_bytes: limit(fields, "failover.errors.maxRequestBodyBytes"),
    });
    Failover {
        service: required(fields, "failover.service"),
        fallback: required(fields, "failover.fallback"),
        health_check: fields.has_group("failover.healthCheck"),
        errors,
        middlewares: fields.list("middlewares"),
    }
}

/// Single statuses and ranges, `500-599`.
fn statuses(fields: &mut Fields, option: &str) -> Vec<(u16, u16)> {
    let mut ranges = Vec::new();
    for text in fields.list(option) {
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        let range = first.trim().parse().ok().zip(last.trim().parse().ok());
        let fits = |(first, last): &(u16, u16)| *first >= 100 && first <= last && *last <= 599;
        match range.filter(fits) {
            Some(range) => ranges.push(range),
            None => fields.reject(
                option,
                format!("`{text}` is neither a status nor a range of them"),
                "write 503 or 500-599",
            ),
        }
    }
    if ranges.is_empty() && !fields.has_mistakes() {
        let advice = format!("write {}: [500-599]", fields.key(option));
        fields.reject("", "failover.errors lists no status", advice);
    }
    ranges
}

/// The name of a service in a list.
fn named(fields: &mut Fields, option: &str, at: usize) -> Option<String> {
    let name = fields.text_at(option, at).filter(|name| !name.is_empty());
    let name = name.map(str::to_owned);
    if name.is_none() {
        let advice = format!("write {}: NAME", fields.key(option));
        fields.reject(
            "",
            format!("service {} of the list has no name", at + 1),
            advice,
        );
    }
    name
}

fn required(fields: &mut Fields, option: &str) -> String {
    let name = fields.some_text(option);
    if name.is_none() && !fields.has_mistakes() {
        let advice = format!("write {}: NAME", fields.key(option));
        fields.reject("", format!("{option} is missing"), advice);
    }
    name.unwrap_or_default()
}

/// A number of bytes; a negative one is no limit, as is none.
fn limit(fields: &Fields, option: &str) -> Option<u64> {
    u64::try_from(fields.integer(option)?).ok()
}
