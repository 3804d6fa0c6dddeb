//! The families of requests, under Traefik's names.

use std::borrow::Cow;
use std::time::Duration;

use crate::bounds::Bounds;
use crate::series::{Scope, Series, Totals};
use crate::text::{Kind, Text};

/// Which of them are shown (Traefik: metrics.prometheus).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Those of entry points.
    pub entry_points: bool,
    /// Those of routers.
    pub routers: bool,
    /// Those of services.
    pub services: bool,
    /// Labels that are made of request headers, by name.
    pub header_labels: Vec<String>,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            entry_points: true,
            routers: false,
            services: true,
            header_labels: Vec::new(),
        }
    }
}

/// A scope's word in names, and the label that its objects have.
const SCOPES: [(Scope, &str, &str); 3] = [
    (Scope::EntryPoint, "entrypoint", "an entry point"),
    (Scope::Router, "router", "a router"),
    (Scope::Service, "service", "a service"),
];

/// Writes the requests that were counted. `series` in the order of [`Series`].
pub fn write_requests<'a, I>(text: &mut Text, shown: &Shown, bounds: &Bounds, series: I)
where
    I: Iterator<Item = (&'a Series, &'a Totals)> + Clone,
{
    for (scope, word, object) in SCOPES {
        let wanted = match scope {
            Scope::EntryPoint => shown.entry_points,
            Scope::Router => shown.routers,
            Scope::Service => shown.services,
            Scope::Server => false,
        };
        if wanted {
            let of_scope = series.clone().filter(move |(it, _)| it.scope == scope);
            let family = Family { word, object };
            family.write(text, shown, bounds, of_scope);
        }
    }
}

/// What the families of one scope have in common.
struct Family {
    word: &'static str,
    object: &'static str,
}

impl Family {
    fn write<'a, I>(&self, text: &mut Text, shown: &Shown, bounds: &Bounds, series: I)
    where
        I: Iterator<Item = (&'a Series, &'a Totals)> + Clone,
    {
        let Self { word, object } = self;
        let mut rows = series.clone().peekable();
        if rows.peek().is_none() {
            return;
        }
        let name = format!("traefik_{word}_requests_total");
        let help = format!("How many requests were answered at {object}.");
        text.family(&name, Kind::Counter, &help);
        for (it, totals) in rows {
            let names = shown.header_labels.iter().map(String::as_str);
            let values = it.headers.iter().map(String::as_str);
            let values = values.chain(std::iter::repeat(""));
            let headers = names.zip(values);
            self.sample(text, &name, it, headers, totals.requests);
        }
        // Labels that are made of headers are those of the count alone.
        let merged: Vec<(&Series, Cow<'_, Totals>)> = merge(series);
        self.durations(text, bounds, &merged);
        for (what, of, value) in [
            (
                "requests",
                "requests",
                Totals::request_bytes as fn(&Totals) -> u64,
            ),
            ("responses", "answers", Totals::response_bytes),
        ] {
            let name = format!("traefik_{word}_{what}_bytes_total");
            let help = format!("Bytes of the bodies of {of} at {object}.");
            text.family(&name, Kind::Counter, &help);
            for (it, totals) in &merged {
                self.sample(text, &name, it, [], value(totals));
            }
        }
    }

    fn durations(&self, text: &mut Text, bounds: &Bounds, rows: &[(&Series, Cow<'_, Totals>)]) {
        let Self { word, object } = self;
        let name = format!("traefik_{word}_request_duration_seconds");
        let help = format!("How long requests took at {object}.");
        text.family(&name, Kind::Histogram, &help);
        let [bucket, sum, count] = ["bucket", "sum", "count"].map(|it| format!("{name}_{it}"));
        for (it, totals) in rows {
            for (bound, below) in bounds.cumulative(&totals.buckets) {
                self.sample(text, &bucket, it, [("le", &*bound.to_string())], below);
            }
            self.sample(text, &bucket, it, [("le", "+Inf")], totals.requests);
            let seconds = Duration::from_nanos(totals.nanos).as_secs_f64();
            self.sample(text, &sum, it, [], seconds);
            self.sample(text, &count, it, [], totals.requests);
        }
    }

    fn sample<'a>(
        &self,
        text: &mut Text,
        name: &str,
        it: &'a Series,
        more: impl IntoIterator<Item = (&'a str, &'a str)>,
        value: impl std::fmt::Display,
    ) {
        let code = it.code.to_string();
        let mut labels: Vec<(&str, &str)> = Vec::with_capacity(8);
        labels.push(("code", &code));
        labels.push(("method", it.method));
        labels.push(("protocol", it.protocol));
        labels.push((self.word, &it.name));
        if it.scope == Scope::Router {
            labels.push(("service", &it.part));
        }
        for label in more {
            labels.push(label);
        }
        text.sample(name, labels, value);
    }
}

impl Totals {
    fn request_bytes(&self) -> u64 {
        self.request_bytes
    }

    fn response_bytes(&self) -> u64 {
        self.response_bytes
    }
}

/// Series that differ in labels of headers only, taken together.
fn merge<'a>(
    series: impl Iterator<Item = (&'a Series, &'a Totals)>,
) -> Vec<(&'a Series, Cow<'a, Totals>)> {
    let mut merged: Vec<(&Series, Cow<'_, Totals>)> = Vec::new();
    for (it, totals) in series {
        match merged.last_mut() {
            Some((last, sum)) if last.is_like(it) => sum.to_mut().add(totals),
            _ => merged.push((it, Cow::Borrowed(totals))),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn series(scope: Scope, name: &str, header: &str) -> Series {
        Series {
            scope,
            name: name.to_owned(),
            part: match scope {
                Scope::Router => "s@docker".to_owned(),
                _ => String::new(),
            },
            code: 200,
            method: "GET",
            protocol: "http",
            headers: vec![header.to_owned()],
        }
    }

    fn totals(bounds: &Bounds) -> Totals {
        let mut buckets = vec![0; bounds.buckets()];
        buckets[bounds.bucket(100_000_000)] += 1;
        buckets[bounds.bucket(2_000_000_000)] += 1;
        Totals {
            requests: 2,
            request_bytes: 5,
            response_bytes: 70,
            nanos: 2_100_000_000,
            buckets,
        }
    }

    fn written(shown: &Shown) -> String {
        let bounds = Bounds::new([0.1, 5.0].map(Duration::from_secs_f64));
        let all = BTreeMap::from([
            (series(Scope::EntryPoint, "web", "a"), totals(&bounds)),
            (series(Scope::EntryPoint, "web", "b"), totals(&bounds)),
            (series(Scope::Router, "r@docker", ""), totals(&bounds)),
        ]);
        let mut text = Text::default();
        write_requests(&mut text, shown, &bounds, all.iter());
        text.finish()
    }

    #[test]
    fn a_label_of_a_header_is_one_of_the_count_alone() {
        let shown = Shown {
            header_labels: vec!["tenant".to_owned()],
            ..Shown::default()
        };
        let text = written(&shown);
        let web = "code=\"200\",method=\"GET\",protocol=\"http\",entrypoint=\"web\"";
        for line in [
            format!("traefik_entrypoint_requests_total{{{web},tenant=\"a\"}} 2\n"),
            format!("traefik_entrypoint_requests_total{{{web},tenant=\"b\"}} 2\n"),
            format!("traefik_entrypoint_request_duration_seconds_bucket{{{web},le=\"0.1\"}} 2\n"),
            format!("traefik_entrypoint_request_duration_seconds_bucket{{{web},le=\"5\"}} 4\n"),
            format!("traefik_entrypoint_request_duration_seconds_bucket{{{web},le=\"+Inf\"}} 4\n"),
            format!("traefik_entrypoint_request_duration_seconds_sum{{{web}}} 4.2\n"),
            format!("traefik_entrypoint_request_duration_seconds_count{{{web}}} 4\n"),
            format!("traefik_entrypoint_requests_bytes_total{{{web}}} 10\n"),
            format!("traefik_entrypoint_responses_bytes_total{{{web}}} 140\n"),
        ] {
            assert!(text.contains(&line), "no {line} in {text}");
        }
        assert!(!text.contains("traefik_router"), "{text}");
    }

    #[test]
    fn only_what_is_asked_for_is_shown() {
        let shown = Shown {
            entry_points: false,
            routers: true,
            ..Shown::default()
        };
        let text = written(&shown);
        assert!(!text.contains("traefik_entrypoint"), "{text}");
        let line = "protocol=\"http\",router=\"r@docker\",service=\"s@docker\"} 2\n";
        assert!(text.contains(line), "{text}");
    }
}
