//! `headers`: sets and deletes headers, answers CORS preflights, tells browsers
//! about security.

use std::collections::BTreeMap;

use fairway_proto::discovery::v1 as proto;
use http::{HeaderName, HeaderValue};
use serde::Serialize;

use super::pattern;
use crate::label::Fields;
use crate::rule::Pattern;

/// Options of `headers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Headers {
    /// Set on the way to the server; an empty value deletes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_request_headers: BTreeMap<String, String>,
    /// Set on the way to the client; an empty value deletes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_response_headers: BTreeMap<String, String>,
    /// Which pages of other origins may read the answers.
    #[serde(flatten)]
    pub cors: Cors,
    /// What browsers are told about security.
    #[serde(flatten)]
    pub security: Security,
}

/// Options of `headers` for cross-origin requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cors {
    /// With cookies and other credentials.
    #[serde(
        rename = "accessControlAllowCredentials",
        skip_serializing_if = "is_false"
    )]
    pub allow_credentials: bool,
    /// Request headers a page may set.
    #[serde(
        rename = "accessControlAllowHeaders",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub allow_headers: Vec<String>,
    /// Methods a page may use.
    #[serde(
        rename = "accessControlAllowMethods",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub allow_methods: Vec<String>,
    /// Origins, exactly; `*` is every origin.
    #[serde(
        rename = "accessControlAllowOriginList",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub allow_origins: Vec<String>,
    /// Expressions over origins.
    #[serde(
        rename = "accessControlAllowOriginListRegex",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub allow_origin_regexes: Vec<Pattern>,
    /// Response headers a page may read.
    #[serde(
        rename = "accessControlExposeHeaders",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub expose_headers: Vec<String>,
    /// Seconds a preflight may be kept.
    #[serde(
        rename = "accessControlMaxAge",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_age: Option<i64>,
    /// Tell caches that answers differ by origin.
    #[serde(skip_serializing_if = "is_false")]
    pub add_vary_header: bool,
}

/// Options of `headers` about security. Empty texts: not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Security {
    /// Hosts that are served; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_hosts: Vec<String>,
    /// Request headers that name the host, before `Host`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts_proxy_headers: Vec<String>,
    /// Request headers with the values that mean TLS.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ssl_proxy_headers: BTreeMap<String, String>,
    /// Seconds of `Strict-Transport-Security`; 0: not sent.
    #[serde(skip_serializing_if = "is_zero")]
    pub sts_seconds: i64,
    /// With `includeSubDomains`.
    #[serde(skip_serializing_if = "is_false")]
    pub sts_include_subdomains: bool,
    /// With `preload`.
    #[serde(skip_serializing_if = "is_false")]
    pub sts_preload: bool,
    /// Also without TLS.
    #[serde(rename = "forceSTSHeader", skip_serializing_if = "is_false")]
    pub force_sts_header: bool,
    /// `X-Frame-Options: DENY`
    #[serde(skip_serializing_if = "is_false")]
    pub frame_deny: bool,
    /// `X-Frame-Options`, before `frame_deny`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub custom_frame_options_value: String,
    /// `X-Content-Type-Options: nosniff`
    #[serde(skip_serializing_if = "is_false")]
    pub content_type_nosniff: bool,
    /// `X-XSS-Protection: 1; mode=block`
    #[serde(skip_serializing_if = "is_false")]
    pub browser_xss_filter: bool,
    /// `X-XSS-Protection`, before `browser_xss_filter`.
    #[serde(
        rename = "customBrowserXSSValue",
        skip_serializing_if = "String::is_empty"
    )]
    pub custom_browser_xss_value: String,
    /// `Content-Security-Policy`; `$NONCE` stands for a nonce.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content_security_policy: String,
    /// `Content-Security-Policy-Report-Only`; `$NONCE` stands for a nonce.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content_security_policy_report_only: String,
    /// `Public-Key-Pins`, over TLS.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub public_key: String,
    /// `Referrer-Policy`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub referrer_policy: String,
    /// `Permissions-Policy`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub permissions_policy: String,
    /// Hosts are not checked, `Strict-Transport-Security` and pins not sent.
    #[serde(skip_serializing_if = "is_false")]
    pub is_development: bool,
}

impl Headers {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        const REQUEST: &str = "headers.customRequestHeaders";
        const RESPONSE: &str = "headers.customResponseHeaders";
        let headers = Self {
            custom_request_headers: fields.map(REQUEST),
            custom_response_headers: fields.map(RESPONSE),
            cors: Cors::decode(fields),
            security: Security::decode(fields),
        };
        // One with nothing but options without effect does nothing, as in Traefik.
        if headers == Self::default() && !fields.has_remarks() && !fields.has_mistakes() {
            let suggestion = format!("write {}.<Header>=<value>", fields.key(REQUEST));
            fields.reject("", "headers sets no header", suggestion);
        }
        check(fields, REQUEST, &headers.custom_request_headers);
        check(fields, RESPONSE, &headers.custom_response_headers);
        Some(headers)
    }

    pub(super) fn encode(&self) -> proto::Headers {
        proto::Headers {
            custom_request_headers: self.custom_request_headers.clone(),
            custom_response_headers: self.custom_response_headers.clone(),
            cors: (self.cors != Cors::default()).then(|| self.cors.encode()),
            security: (self.security != Security::default()).then(|| self.security.encode()),
        }
    }
}

impl Cors {
    fn decode(fields: &mut Fields) -> Self {
        const REGEXES: &str = "headers.accessControlAllowOriginListRegex";
        let regexes = fields.list(REGEXES);
        let regexes = regexes.iter().filter(|text| !text.is_empty());
        let allow_origin_regexes = regexes
            .filter_map(|text| pattern(fields, REGEXES, text))
            .collect();
        Self {
            allow_credentials: flag(fields, "headers.accessControlAllowCredentials"),
            allow_headers: values(fields, "headers.accessControlAllowHeaders"),
            allow_methods: values(fields, "headers.accessControlAllowMethods"),
            allow_origins: values(fields, "headers.accessControlAllowOriginList"),
            allow_origin_regexes,
            expose_headers: values(fields, "headers.accessControlExposeHeaders"),
            max_age: seconds(fields, "headers.accessControlMaxAge"),
            add_vary_header: flag(fields, "headers.addVaryHeader"),
        }
    }

    fn encode(&self) -> proto::Cors {
        let patterns = self.allow_origin_regexes.iter();
        proto::Cors {
            allow_credentials: self.allow_credentials,
            allow_headers: self.allow_headers.clone(),
            allow_methods: self.allow_methods.clone(),
            allow_origins: self.allow_origins.clone(),
            allow_origin_regexes: patterns.map(|it| it.translated().to_owned()).collect(),
            expose_headers: self.expose_headers.clone(),
            max_age: self.max_age,
            add_vary_header: self.add_vary_header,
        }
    }
}

impl Security {
    fn decode(fields: &mut Fields) -> Self {
        const HOSTS: &str = "headers.hostsProxyHeaders";
        const TLS: &str = "headers.sslProxyHeaders";
        let security = Self {
            allowed_hosts: values(fields, "headers.allowedHosts"),
            hosts_proxy_headers: fields.list(HOSTS),
            ssl_proxy_headers: fields.map(TLS),
            sts_seconds: seconds(fields, "headers.stsSeconds").unwrap_or_default(),
            sts_include_subdomains: flag(fields, "headers.stsIncludeSubdomains"),
            sts_preload: flag(fields, "headers.stsPreload"),
            force_sts_header: flag(fields, "headers.forceSTSHeader"),
            frame_deny: flag(fields, "headers.frameDeny"),
            custom_frame_options_value: text(fields, "headers.customFrameOptionsValue"),
            content_type_nosniff: flag(fields, "headers.contentTypeNosniff"),
            browser_xss_filter: flag(fields, "headers.browserXssFilter"),
            custom_browser_xss_value: text(fields, "headers.customBrowserXSSValue"),
            content_security_policy: text(fields, "headers.contentSecurityPolicy"),
            content_security_policy_report_only: text(
                fields,
                "headers.contentSecurityPolicyReportOnly",
            ),
            public_key: text(fields, "headers.publicKey"),
            referrer_policy: text(fields, "headers.referrerPolicy"),
            permissions_policy: text(fields, "headers.permissionsPolicy"),
            is_development: flag(fields, "headers.isDevelopment"),
        };
        for name in &security.hosts_proxy_headers {
            check_name(fields, HOSTS, name);
        }
        check(fields, TLS, &security.ssl_proxy_headers);
        security
    }

    fn encode(&self) -> proto::SecurityHeaders {
        let or = |custom: &str, on: bool, fixed: &str| match (custom, on) {
            ("", true) => fixed.to_owned(),
            (custom, _) => custom.to_owned(),
        };
        proto::SecurityHeaders {
            allowed_hosts: self.allowed_hosts.clone(),
            hosts_proxy_headers: self.hosts_proxy_headers.clone(),
            ssl_proxy_headers: self.ssl_proxy_headers.clone(),
            sts_seconds: self.sts_seconds,
            sts_include_subdomains: self.sts_include_subdomains,
            sts_preload: self.sts_preload,
            force_sts_header: self.force_sts_header,
            frame_options: or(&self.custom_frame_options_value, self.frame_deny, "DENY"),
            content_type_nosniff: self.content_type_nosniff,
            xss_protection: or(
                &self.custom_browser_xss_value,
                self.browser_xss_filter,
                "1; mode=block",
            ),
            content_security_policy: self.content_security_policy.clone(),
            content_security_policy_report_only: self.content_security_policy_report_only.clone(),
            public_key: self.public_key.clone(),
            referrer_policy: self.referrer_policy.clone(),
            permissions_policy: self.permissions_policy.clone(),
            is_development: self.is_development,
        }
    }
}

fn flag(fields: &Fields, option: &str) -> bool {
    fields.boolean(option).unwrap_or_default()
}

fn text(fields: &mut Fields, option: &str) -> String {
    let text = fields.some_text(option).unwrap_or_default();
    check_value(fields, option, option, &text);
    text
}

fn values(fields: &mut Fields, option: &str) -> Vec<String> {
    let values = fields.list(option);
    for value in &values {
        check_value(fields, option, option, value);
    }
    values
}

fn seconds(fields: &mut Fields, option: &str) -> Option<i64> {
    let seconds = fields.integer(option)?;
    if seconds < 0 {
        fields.reject(
            option,
            format!("{option} is {seconds}, which is no time"),
            "write a number of seconds, such as 3600",
        );
    }
    Some(seconds)
}

fn check(fields: &mut Fields, option: &str, headers: &BTreeMap<String, String>) {
    for (name, value) in headers {
        check_name(fields, option, name);
        check_value(fields, option, name, value);
    }
}

fn check_name(fields: &mut Fields, option: &str, name: &str) {
    if HeaderName::try_from(name).is_err() {
        fields.reject(
            option,
            format!("`{name}` cannot be the name of a header"),
            "write letters, digits and dashes, such as X-Env",
        );
    }
}

fn check_value(fields: &mut Fields, option: &str, name: &str, value: &str) {
    if HeaderValue::from_bytes(value.as_bytes()).is_err() {
        fields.reject(
            option,
            format!("the value of {name} has a line break or another control character"),
            "write the value on one line",
        );
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}
