//! Lists: searched, filtered, sorted, and cut into pages, as Traefik does it.

use std::cmp::Ordering;

use axum::http::Uri;

use super::decode;
use super::view::{MiddlewareView, RouterView, ServiceView, StateView};

const DEFAULT_PER_PAGE: usize = 100;

/// What a list can be asked about its items.
pub(super) trait Listed {
    /// Qualified name.
    fn name(&self) -> &str;
    /// `enabled`, `warning` or `disabled`.
    fn status(&self) -> &str;
    /// Texts that are searched.
    fn searched(&self) -> Vec<&str>;
    /// Its place by this key of `sortBy`; names decide where it is equal.
    fn compare(&self, other: &Self, key: &str) -> Ordering;
    /// Name of its provider.
    fn provider(&self) -> &str;
    /// Only routers are on entry points.
    fn is_on(&self, _entry_point: &str) -> bool {
        true
    }
    /// Only routers use services.
    fn uses_service(&self, _name: &str) -> bool {
        true
    }
    /// Only routers are asked for their middlewares.
    fn uses_middleware(&self, _name: &str) -> bool {
        true
    }
}

/// The parameters of a list; empty ones are as good as none.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

/// A page that does not exist.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PageError {
    /// A parameter that is no number, or less than 1.
    #[error("invalid request: {parameter}: {value}")]
    Number {
        parameter: &'static str,
        value: String,
    },
    /// A page after the last.
    #[error("invalid request: page: {page}, per_page: {per_page}")]
    Beyond { page: usize, per_page: usize },
}

impl Query {
    pub(super) fn parse(uri: &Uri) -> Self {
        Self(decode::query(uri.query().unwrap_or_default()))
    }

    /// The items asked for, in the order asked for.
    pub(super) fn select<T: Listed>(&self, mut items: Vec<T>) -> Vec<T> {
        items.retain(|item| self.admits(item));
        let key = self.value("sortBy").unwrap_or("name");
        items.sort_by(|a, b| a.compare(b, key).then_with(|| a.name().cmp(b.name())));
        if self
            .value("direction")
            .is_some_and(|it| it.eq_ignore_ascii_case("desc"))
        {
            items.reverse();
        }
        items
    }

    /// The page asked for and the number of the next one; 1 if there is none.
    pub(super) fn page<T>(&self, items: Vec<T>) -> Result<(Vec<T>, usize), PageError> {
        let per_page = self.number("per_page", DEFAULT_PER_PAGE)?;
        let page = self.number("page", 1)?;
        let total = items.len();
        let start = (page - 1).saturating_mul(per_page);
        if start > 0 && start >= total {
            return Err(PageError::Beyond { page, per_page });
        }
        let next = if start.saturating_add(per_page) < total {
            page + 1
        } else {
            1
        };
        Ok((items.into_iter().skip(start).take(per_page).collect(), next))
    }

    fn admits(&self, item: &impl Listed) -> bool {
        let search = self.value("search").map(str::to_lowercase);
        let found = |text: &str| {
            item.searched()
                .iter()
                .any(|searched| searched.to_lowercase().contains(text))
        };
        search.as_deref().is_none_or(found)
            && self
                .value("status")
                .is_none_or(|it| it.eq_ignore_ascii_case(item.status()))
            && self
                .value("provider")
                .is_none_or(|it| it.eq_ignore_ascii_case(item.provider()))
            && self.value("entryPoint").is_none_or(|it| item.is_on(it))
            && self
                .value("serviceName")
                .is_none_or(|name| item.uses_service(name))
            && self
                .value("middlewareName")
                .is_none_or(|name| item.uses_middleware(name))
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(parameter, _)| parameter == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn number(
        &self,
        parameter: &'static str,
        default: usize,
    ) -> Result<usize, PageError> {
        let Some(value) = self.value(parameter) else {
            return Ok(default);
        };
        let number = value.parse().ok().filter(|number| *number > 0);
        number.ok_or_else(|| PageError::Number {
            parameter,
            value: value.to_owned(),
        })
    }
}

impl Listed for RouterView<'_> {
    fn name(&self) -> &str {
        self.state.name
    }

    fn status(&self) -> &str {
        self.state.status
    }

    fn searched(&self) -> Vec<&str> {
        vec![self.state.name, self.rule]
    }

    fn provider(&self) -> &str {
        self.state.provider
    }

    fn is_on(&self, entry_point: &str) -> bool {
        self.entry_points.iter().any(|it| it == entry_point)
    }

    fn compare(&self, other: &Self, key: &str) -> Ordering {
        match key {
            "priority" => self.priority.cmp(&other.priority),
            "rule" => self.rule.cmp(other.rule),
            "service" => self.service.cmp(other.service),
            "entryPoints" => self.entry_points.concat().cmp(&other.entry_points.concat()),
            key => self.state.compare(&other.state, key),
        }
    }

    fn uses_service(&self, name: &str) -> bool {
        if self.service.contains('@') {
            self.service == name
        } else {
            name.split('@').next() == Some(self.service)
        }
    }

    fn uses_middleware(&self, name: &str) -> bool {
        self.middlewares.iter().any(|it| it == name)
    }
}

impl Listed for ServiceView<'_> {
    fn name(&self) -> &str {
        self.state.name
    }

    fn status(&self) -> &str {
        self.state.status
    }

    fn searched(&self) -> Vec<&str> {
        vec![self.state.name]
    }

    fn provider(&self) -> &str {
        self.state.provider
    }

    fn compare(&self, other: &Self, key: &str) -> Ordering {
        match key {
            "type" => self.kind.cmp(&other.kind),
            "servers" => self.servers().cmp(&other.servers()),
            key => self.state.compare(&other.state, key),
        }
    }
}

impl Listed for MiddlewareView<'_> {
    fn name(&self) -> &str {
        self.state.name
    }

    fn status(&self) -> &str {
        self.state.status
    }

    fn searched(&self) -> Vec<&str> {
        vec![self.state.name]
    }

    fn provider(&self) -> &str {
        self.state.provider
    }

    fn compare(&self, other: &Self, key: &str) -> Ordering {
        match key {
            "type" => self.kind.cmp(&other.kind),
            key => self.state.compare(&other.state, key),
        }
    }
}

/// Of a list that is always empty.
impl Listed for () {
    fn name(&self) -> &str {
        ""
    }

    fn status(&self) -> &str {
        ""
    }

    fn searched(&self) -> Vec<&str> {
        Vec::new()
    }

    fn provider(&self) -> &str {
        ""
    }

    fn compare(&self, (): &Self, _: &str) -> Ordering {
        Ordering::Equal
    }
}

impl StateView<'_> {
    fn compare(&self, other: &Self, key: &str) -> Ordering {
        match key {
            "provider" => self.provider.cmp(other.provider),
            "status" => self.status.cmp(other.status),
            _ => Ordering::Equal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{Object, Outcome, Router};

    fn query(text: &str) -> Query {
        Query::parse(&format!("/list?{text}").parse().unwrap())
    }

    fn router(
        provider: &str,
        (rule, priority, service): (&str, i64, &str),
        outcome: Outcome,
    ) -> Object<Router> {
        let router = Router {
            rule: rule.to_owned(),
            rule_generated: false,
            rule_syntax: crate::rule::RuleSyntax::V3,
            entry_points: vec![if priority == 9 { "b" } else { "a" }.to_owned()],
            middlewares: vec![format!("auth@{provider}")],
            service: service.to_owned(),
            priority,
            observability: Default::default(),
        };
        Object {
            provider: provider.to_owned(),
            containers: Vec::new(),
            value: Some(router),
            outcome,
            errors: Vec::new(),
            used_by: Default::default(),
        }
    }

    #[test]
    fn pages_are_cut_as_traefik_cuts_them() {
        let number = |parameter, value: &str| {
            Err(PageError::Number {
                parameter,
                value: value.to_owned(),
            })
        };
        for (total, text, expected) in [
            (0, "", Ok((vec![], 1))),
            (0, "page=1&per_page=10", Ok((vec![], 1))),
            (3, "", Ok((vec![0, 1, 2], 1))),
            (3, "page=&per_page=", Ok((vec![0, 1, 2], 1))),
            (3, "per_page=2", Ok((vec![0, 1], 2))),
            (3, "per_page=2&page=2", Ok((vec![2], 1))),
            (4, "per_page=2&page=2", Ok((vec![2, 3], 1))),
            (
                4,
                "per_page=2&page=3",
                Err(PageError::Beyond {
                    page: 3,
                    per_page: 2,
                }),
            ),
            (
                0,
                "page=2",
                Err(PageError::Beyond {
                    page: 2,
                    per_page: 100,
                }),
            ),
            (3, "page=0", number("page", "0")),
            (3, "page=-1", number("page", "-1")),
            (3, "page=two", number("page", "two")),
            (3, "per_page=0", number("per_page", "0")),
            (
                3,
                "page=18446744073709551615&per_page=18446744073709551615",
                {
                    Err(PageError::Beyond {
                        page: usize::MAX,
                        per_page: usize::MAX,
                    })
                },
            ),
        ] {
            let items: Vec<usize> = (0..total).collect();
            assert_eq!(query(text).page(items), expected, "{text}");
        }
        let error = query("page=2").page(Vec::<()>::new()).unwrap_err();
        assert_eq!(error.to_string(), "invalid request: page: 2, per_page: 100");
        let error = query("page=x").page(Vec::<()>::new()).unwrap_err();
        assert_eq!(error.to_string(), "invalid request: page: x");
    }

    #[test]
    fn routers_are_found_and_ordered_by_what_is_asked() {
        use Outcome::{Degraded, Rejected, Routed};
        let objects = [
            (
                "one@docker",
                router("docker", ("Path(`/z`)", 5, "web@docker"), Routed),
            ),
            (
                "two@docker",
                router("docker", ("Host(`One.test`)", 9, "api@file"), Degraded),
            ),
            (
                "six@file",
                router("file", ("Path(`/a`)", 5, "web@docker"), Rejected),
            ),
        ];
        for (text, expected) in [
            ("", ["one", "six", "two"].as_slice()),
            ("search=ONE", &["one", "two"]),
            ("search=path(", &["one", "six"]),
            ("search=nothing", &[]),
            ("status=Warning", &["two"]),
            ("status=disabled", &["six"]),
            ("status=warn", &[]),
            ("serviceName=web@docker", &["one", "six"]),
            ("serviceName=web", &[]),
            ("middlewareName=auth@file", &["six"]),
            ("provider=File", &["six"]),
            ("entryPoint=b", &["two"]),
            ("middlewareName=auth", &[]),
            (
                "serviceName=web@docker&middlewareName=auth@docker",
                &["one"],
            ),
            ("direction=desc", &["two", "six", "one"]),
            ("sortBy=priority", &["one", "six", "two"]),
            ("sortBy=priority&direction=desc", &["two", "six", "one"]),
            ("sortBy=rule", &["two", "six", "one"]),
            ("sortBy=service", &["two", "one", "six"]),
            ("sortBy=provider&direction=desc", &["six", "two", "one"]),
            ("sortBy=status", &["six", "one", "two"]),
            ("sortBy=entryPoints&direction=desc", &["two", "six", "one"]),
            ("sortBy=colour&direction=sideways", &["one", "six", "two"]),
        ] {
            let views = objects
                .iter()
                .map(|(name, object)| RouterView::new(name, object));
            let found = query(text).select(views.collect());
            let names: Vec<_> = found
                .iter()
                .filter_map(|view| view.name().split('@').next())
                .collect();
            assert_eq!(names, expected, "{text}");
        }
    }
}
