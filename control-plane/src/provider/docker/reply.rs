//! The engine's JSON, read leniently: only what is used, no list of known words,
//! and one unreadable container does not spoil the list.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::event::Signal;
use super::{Health, Network, Port, PortType, State};

/// What a list says of the engine's containers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct List {
    pub(super) containers: Vec<Listed>,
    /// Ids of containers whose entry could not be read.
    pub(super) unreadable: Vec<String>,
}

/// What a list says of one container.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) state: State,
    pub(super) health: Option<Health>,
    /// Nanoseconds since 1970.
    pub(super) created: i64,
    pub(super) network_mode: String,
    pub(super) networks: BTreeMap<String, Network>,
    pub(super) ports: Vec<Port>,
}

/// What only an inspection says of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Details {
    /// Nanoseconds since 1970; `None` if it never started.
    pub(super) started: Option<i64>,
    pub(super) stop_signal: Signal,
    pub(super) stop_timeout: Duration,
}

/// Why a body is not a list or an inspection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplyError {
    #[error("the engine's answer cannot be read")]
    Json(#[from] serde_json::Error),
}

/// Docker's own grace period.
const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the body of `GET /containers/json`.
pub(super) fn list(body: &[u8]) -> Result<List, ReplyError> {
    let items: Vec<Value> = serde_json::from_slice(body)?;
    let mut list = List::default();
    for item in items {
        let id = item.get("Id").and_then(Value::as_str).map(str::to_owned);
        match (serde_json::from_value::<Summary>(item), id) {
            (Ok(summary), Some(id)) => list.containers.push(summary.listed(id)),
            (Err(error), Some(id)) => {
                tracing::warn!(container = %id, %error, "the engine's entry of a container cannot be read");
                list.unreadable.push(id);
            }
            (_, None) => tracing::warn!("the engine lists a container without an id"),
        }
    }
    Ok(list)
}

/// Reads the body of `GET /containers/{id}/json`.
pub(super) fn details(body: &[u8]) -> Result<Details, ReplyError> {
    let inspection: Inspection = serde_json::from_slice(body)?;
    let config = inspection.config;
    Ok(Details {
        started: inspection.state.started_at.as_deref().and_then(nanoseconds),
        stop_signal: config
            .stop_signal
            .as_deref()
            .and_then(Signal::parse)
            .unwrap_or(Signal::TERM),
        stop_timeout: config
            .stop_timeout
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(DEFAULT_STOP_TIMEOUT, Duration::from_secs),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    #[serde(default, deserialize_with = "or_default")]
    names: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    state: String,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    #[serde(default, deserialize_with = "or_default")]
    health: SummaryHealth,
    #[serde(default, deserialize_with = "or_default")]
    created: i64,
    #[serde(default, deserialize_with = "or_default")]
    host_config: SummaryHostConfig,
    #[serde(default, deserialize_with = "or_default")]
    network_settings: NetworkSettings,
    #[serde(default, deserialize_with = "or_default")]
    ports: Vec<SummaryPort>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SummaryHealth {
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SummaryHostConfig {
    network_mode: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    #[serde(default, deserialize_with = "or_default")]
    networks: BTreeMap<String, Option<EndpointSettings>>,
}

#[derive(Default, Deserialize)]
struct EndpointSettings {
    #[serde(rename = "IPAddress", default, deserialize_with = "or_default")]
    ipv4: String,
    #[serde(rename = "GlobalIPv6Address", default, deserialize_with = "or_default")]
    ipv6: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SummaryPort {
    #[serde(rename = "IP")]
    ip: Option<String>,
    private_port: u16,
    public_port: Option<u16>,
    #[serde(rename = "Type")]
    protocol: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspection {
    #[serde(default, deserialize_with = "or_default")]
    state: InspectionState,
    #[serde(default, deserialize_with = "or_default")]
    config: InspectionConfig,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct InspectionState {
    started_at: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct InspectionConfig {
    stop_signal: Option<String>,
    stop_timeout: Option<i64>,
}

impl Summary {
    fn listed(self, id: String) -> Listed {
        let networks = self
            .network_settings
            .networks
            .into_iter()
            .map(|(name, endpoint)| {
                let endpoint = endpoint.unwrap_or_default();
                let network = Network {
                    ipv4: address(&endpoint.ipv4),
                    ipv6: address(&endpoint.ipv6),
                };
                (name, network)
            });
        Listed {
            name: own_name(&self.names).unwrap_or(&id).to_owned(),
            labels: self.labels,
            state: State::from_word(&self.state),
            health: health(&self.health.status, &self.status),
            created: self.created.saturating_mul(1_000_000_000),
            network_mode: self.host_config.network_mode,
            networks: networks.collect(),
            ports: self.ports.iter().map(SummaryPort::port).collect(),
            id,
        }
    }
}

impl SummaryPort {
    fn port(&self) -> Port {
        Port {
            private: self.private_port,
            protocol: match self.protocol.as_str() {
                "tcp" | "" => PortType::Tcp,
                "udp" => PortType::Udp,
                _ => PortType::Other,
            },
            published: self
                .public_port
                .map(|port| (self.ip.as_deref().and_then(|ip| ip.parse().ok()), port)),
        }
    }
}

/// The name that is the container's own: legacy links add names with a path.
fn own_name(names: &[String]) -> Option<&str> {
    let mut names = names.iter().map(|name| name.trim_start_matches('/'));
    let first = names.clone().next();
    names.find(|name| !name.contains('/')).or(first)
}

/// From the field of newer engines, else from the text of older ones.
fn health(word: &str, status: &str) -> Option<Health> {
    match word {
        "healthy" => Some(Health::Healthy),
        "starting" => Some(Health::Starting),
        "unhealthy" => Some(Health::Unhealthy),
        _ if status.contains("(unhealthy)") => Some(Health::Unhealthy),
        _ if status.contains("(health: starting)") => Some(Health::Starting),
        _ if status.contains("(healthy)") => Some(Health::Healthy),
        _ => None,
    }
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .filter(|address: &IpAddr| !address.is_unspecified())
}

/// A field that is `null` means the same as an absent one.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Nanoseconds since 1970 of an RFC 3339 time; `None` for year 1, by which Docker
/// means never, and for what is not a time.
fn nanoseconds(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't'])?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at_checked(at)?;
    let mut clock = clock.splitn(3, ':');
    let hour: i64 = clock.next()?.parse().ok()?;
    let minute: i64 = clock.next()?.parse().ok()?;
    let seconds = clock.next()?;
    let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let (second, fraction): (i64, i64) = (second.parse().ok()?, nanos(fraction)?);
    if !(1970..=2261).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    (seconds - offset(zone)?)
        .checked_mul(1_000_000_000)?
        .checked_add(fraction)
}

fn nanos(fraction: &str) -> Option<i64> {
    let digits: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    digits.parse().ok()
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    Some(sign * (hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60))
}

/// Days since 1970 of a date in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_engine_20_10_is_read() {
        let body = br#"[{"Id":"c1","Names":["/other/alias","/web-1"],"State":"running",
            "Status":"Up 2 minutes (health: starting)","Created":1700000000,
            "Labels":{"a":"b"},"HostConfig":{"NetworkMode":"shop_default"},
            "NetworkSettings":{"Networks":{"shop_default":{"IPAddress":"172.18.0.2",
            "GlobalIPv6Address":"","IPAMConfig":null}}},
            "Ports":[{"PrivatePort":80,"Type":"tcp"},
                     {"IP":"127.0.0.1","PrivatePort":81,"PublicPort":8081,"Type":"tcp"}]}]"#;
        let list = list(body).unwrap();
        let web = list.containers.first().unwrap();
        assert_eq!(web.name, "web-1");
        assert_eq!(web.health, Some(Health::Starting));
        assert_eq!(
            web.networks["shop_default"].ipv4,
            Some("172.18.0.2".parse().unwrap())
        );
        assert_eq!(web.networks["shop_default"].ipv6, None);
        assert_eq!(
            web.ports[1].published,
            Some((Some("127.0.0.1".parse().unwrap()), 8081))
        );
    }

    #[test]
    fn words_nobody_knows_and_nulls_do_no_harm() {
        let body = br#"[{"Id":"c1","State":"hibernating","Labels":null,"Ports":null,
            "HostConfig":null,"NetworkSettings":{"Networks":{"n":null}},"Names":null,
            "New":{"field":[1]}}]"#;
        let list = list(body).unwrap();
        let container = list.containers.first().unwrap();
        assert_eq!(container.state, State::Other("hibernating".into()));
        assert_eq!(container.name, "c1");
    }

    #[test]
    fn one_unreadable_entry_does_not_spoil_the_list() {
        let list = list(br#"[{"Id":"bad","Labels":[1]},{"Id":"good"},{"Names":["/x"]}]"#).unwrap();
        assert_eq!(list.unreadable, ["bad"]);
        assert_eq!(list.containers.len(), 1);
    }

    #[test]
    fn a_truncated_list_is_refused_as_a_whole() {
        assert!(list(br#"[{"Id":"c1"},{"Id":"#).is_err());
    }

    #[test]
    fn the_health_of_newer_engines_has_its_own_field() {
        for (word, status, expected) in [
            ("none", "Up 2 hours", None),
            ("unhealthy", "Up 2 hours", Some(Health::Unhealthy)),
            ("", "Up 2 hours (healthy)", Some(Health::Healthy)),
            ("", "Up 2 hours (unhealthy)", Some(Health::Unhealthy)),
            ("", "Up 2 hours (Paused)", None),
        ] {
            assert_eq!(health(word, status), expected, "{word} {status}");
        }
    }

    #[test]
    fn an_inspection_gives_start_and_stop() {
        let body = br#"{"State":{"Status":"unheard-of","StartedAt":"2024-02-29T12:00:00.5Z"},
            "Config":{"StopSignal":"SIGQUIT","StopTimeout":30}}"#;
        let details = details(body).unwrap();
        assert_eq!(details.started, Some(1_709_208_000_500_000_000));
        assert_eq!(details.stop_signal, Signal(3));
        assert_eq!(details.stop_timeout, Duration::from_secs(30));
    }

    #[test]
    fn times_are_read_in_every_zone() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            (
                "2000-03-01T00:00:00.000000001Z",
                Some(951_868_800_000_000_001),
            ),
            ("2000-03-01T02:00:00+02:00", Some(951_868_800_000_000_000)),
            ("2000-02-29T18:30:00-05:30", Some(951_868_800_000_000_000)),
            ("0001-01-01T00:00:00Z", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(nanoseconds(text), expected, "{text}");
        }
    }
}
