//! `--providers.docker.defaultRule`: a template that makes the rule of a router
//! that has none.
//!
//! The language is [`crate::template`]'s. What is outside it is refused when the
//! template is read, at start, by name.

use std::fmt;

pub(super) use crate::template::Subject;
use crate::template::{Data, Template};

/// Traefik's default: the name is the host.
const DEFAULT_RULE: &str = "Host(`{{ normalize .Name }}`)";

/// A template that was read without mistakes.
#[derive(Clone)]
pub struct DefaultRule {
    text: String,
    template: Template,
}

/// Why a template cannot be used, or gave no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DefaultRuleError(String);

impl DefaultRule {
    /// Reads a template.
    ///
    /// # Errors
    /// The first thing in it that is not understood.
    pub fn parse(text: &str) -> Result<Self, DefaultRuleError> {
        let template =
            Template::of_container(text).map_err(|error| DefaultRuleError(error.message))?;
        Ok(Self {
            text: text.to_owned(),
            template,
        })
    }

    /// The template makes no rule for anybody.
    pub(super) fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// The rule of a container.
    pub(super) fn apply(&self, subject: &Subject<'_>) -> Result<String, DefaultRuleError> {
        let rule = self.template.render(Data::Container(*subject));
        let rule = rule.map_err(|error| DefaultRuleError(error.message))?;
        if rule.trim().is_empty() {
            return Err(DefaultRuleError("it gives an empty rule".to_owned()));
        }
        Ok(rule)
    }
}

impl Default for DefaultRule {
    fn default() -> Self {
        Self {
            text: DEFAULT_RULE.to_owned(),
            // It can be read: a test sees to that.
            template: Template::of_container(DEFAULT_RULE).unwrap_or_default(),
        }
    }
}

impl fmt::Debug for DefaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DefaultRule").field(&self.text).finish()
    }
}

impl PartialEq for DefaultRule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(template: &str) -> Result<String, String> {
        let labels = [("traefik.domain", "foo.bar"), ("tier", "web")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let subject = Subject {
            name: "web-shop",
            container_name: "shop_web_1",
            labels: &labels,
        };
        DefaultRule::parse(template)
            .and_then(|rule| rule.apply(&subject))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_can_be_read() {
        let read = DefaultRule::parse(DEFAULT_RULE).unwrap();
        assert_eq!(read.template, DefaultRule::default().template);
    }

    #[test]
    fn templates_make_rules() {
        for (template, expected) in [
            ("Host(`foo.bar`)", "Host(`foo.bar`)"),
            ("Host(`{{ normalize .Name }}`)", "Host(`web-shop`)"),
            (
                "Host(`{{.ContainerName}}.local`)",
                "Host(`shop_web_1.local`)",
            ),
            (
                "Host(`{{ normalize .ContainerName }}`)",
                "Host(`shop-web-1`)",
            ),
            (
                "Host(\"{{ .Name }}.{{ index .Labels \"traefik.domain\" }}\")",
                "Host(\"web-shop.foo.bar\")",
            ),
            ("Host(`{{ index .Labels \"absent\" }}x`)", "Host(`x`)"),
            ("Host(`{{ .Labels.tier }}`)", "Host(`web`)"),
            ("Host(`{{ .Labels.absent }}`)", "Host(`<no value>`)"),
            (
                "Host(`{{ .Name | upper | replace \"-\" \".\" }}`)",
                "Host(`WEB.SHOP`)",
            ),
            ("Host(`{{ trimPrefix `web-` .Name }}`)", "Host(`shop`)"),
            (
                "Host(`{{ printf \"%s.%s\" .Name (index .Labels \"tier\") }}`)",
                "Host(`web-shop.web`)",
            ),
            (
                "Host(`{{ index .Labels \"absent\" | default .Name }}`)",
                "Host(`web-shop`)",
            ),
            (
                "{{ if eq (index .Labels \"tier\") \"web\" }}Host(`w`){{ else }}Host(`x`){{ end }}",
                "Host(`w`)",
            ),
            (
                "{{ if .Labels.absent }}a{{ else if .Name }}b{{ else }}c{{ end }}",
                "b",
            ),
            (
                "{{ if and .Name (not .Labels.absent) -}}  yes  {{- end }}",
                "yes",
            ),
            ("{{/* a comment */}}Host(`a`)", "Host(`a`)"),
            ("Host(`{{ splitList \"-\" .Name | first }}`)", "Host(`web`)"),
            (
                "Host(`{{ (splitList \"-\" .Name) | join \".\" }}`)",
                "Host(`web.shop`)",
            ),
            (
                "{{ range $key, $value := .Labels }}{{ if eq $key `tier` }}Host(`{{ $value }}`)\
                 {{ end }}{{ end }}",
                "Host(`web`)",
            ),
            (
                "{{ $parts := splitList `-` .Name }}Host(`{{ index $parts 1 }}.{{ $.Labels.tier }}`)",
                "Host(`shop.web`)",
            ),
        ] {
            assert_eq!(apply(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (template, part) in [
            ("Host(`{{ .Name `)", "is not closed"),
            ("Host(`{{ .Toto }}`)", "there is no .Toto"),
            ("Host(`{{ normalise .Name }}`)", "did you mean normalize"),
            ("{{ env `HOME` }}", "env is available in files only"),
            ("{{ if .Name }}x", "no {{ end }}"),
            ("{{ end }}", "without {{ if }}"),
            ("{{ $x }}", "there is no variable $x"),
            ("{{ upper }}", "upper takes"),
            ("{{ \"\" }}", "empty rule"),
            ("{{ .Name \"x\" }}", "takes no arguments"),
        ] {
            let error = apply(template).unwrap_err();
            assert!(error.contains(part), "{template}: {error}");
        }
    }
}
