//! Which label says something about which object: for people who ask where a setting
//! comes from.

use super::{ObjectId, ObjectKind};

/// One label that says something about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The object, by its unqualified name.
    pub object: ObjectId,
    /// Name of the container that has the label.
    pub container: String,
    /// The label's key, as written.
    pub label: String,
    /// Its value; `None` where it may hold a secret.
    pub value: Option<String>,
}

impl Setting {
    /// Reads a label; `None` if it is about no object.
    pub fn of(container: &str, label: &str, value: &str) -> Option<Self> {
        let lower = label.to_ascii_lowercase();
        let rest = lower.strip_prefix("traefik.http.")?;
        let (section, rest) = rest.split_once('.')?;
        let kind = match section {
            "routers" => ObjectKind::Router,
            "services" => ObjectKind::Service,
            "middlewares" => ObjectKind::Middleware,
            _ => return None,
        };
        let (name, option) = rest.split_once('.')?;
        let start = label.len() - rest.len();
        let name = label.get(start..start + name.len())?.to_owned();
        let is_open = kind != ObjectKind::Middleware && !option.contains("headers");
        Some(Self {
            object: ObjectId { kind, name },
            container: container.to_owned(),
            label: label.to_owned(),
            value: is_open.then(|| value.to_owned()),
        })
    }

    /// Whether it is about the object of this kind and unqualified name.
    pub fn concerns(&self, kind: ObjectKind, name: &str) -> bool {
        self.object.kind == kind && self.object.name.eq_ignore_ascii_case(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_its_object() {
        let read = |label| {
            let setting = Setting::of("c", label, "v")?;
            Some((setting.object.to_string(), setting.value.is_some()))
        };
        let some = |object: &str, open| Some((object.to_owned(), open));
        for (label, expected) in [
            ("traefik.http.routers.web.rule", some("router web", true)),
            ("Traefik.HTTP.Routers.Web.Rule", some("router Web", true)),
            (
                "traefik.http.services.s.loadbalancer.server.port",
                some("service s", true),
            ),
            (
                "traefik.http.services.s.loadbalancer.healthcheck.headers.x",
                some("service s", false),
            ),
            (
                "traefik.http.middlewares.a.basicauth.users",
                some("middleware a", false),
            ),
            ("traefik.http.routers.web", None),
            ("traefik.tcp.routers.web.rule", None),
            ("traefik.enable", None),
        ] {
            assert_eq!(read(label), expected, "{label}");
        }
    }
}
