//! Flags of the access log and of traces.

#[cfg(test)]
mod tests;

use fairway_proto::ACCESS_LOG_FIELDS;
use http::{HeaderName, HeaderValue, Uri};

use super::super::flag::Assignment;
use super::super::{
    AccessLogFormat, AccessLogOptions, ConfigError, FieldMode, FieldSelection,
    ObservabilityOptions, OtlpProtocol, TracingOptions,
};
use super::duration;
use crate::middleware::status;
use crate::spelling;

/// Fields of Traefik's that only its Kubernetes providers fill.
const KUBERNETES: &str = "kubernetes";

/// What the flags say so far.
#[derive(Default)]
pub(super) struct Draft {
    options: ObservabilityOptions,
    access_log_off: bool,
    tracing_off: bool,
}

impl Draft {
    pub(super) fn assign(&mut self, it: &Assignment) -> Result<(), ConfigError> {
        let path = it.flag.path;
        match path {
            "accessLog" => {
                self.access_log_off = !it.truth()?;
                self.options.access_log.get_or_insert_default();
            }
            "tracing" => {
                self.tracing_off = !it.truth()?;
                self.options.tracing.get_or_insert_default();
            }
            _ => {
                if let Some(option) = path.strip_prefix("accessLog.") {
                    return access_log(self.options.access_log.get_or_insert_default(), option, it);
                }
                if let Some(option) = path.strip_prefix("tracing.") {
                    return tracing(self.options.tracing.get_or_insert_default(), option, it);
                }
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> ObservabilityOptions {
        if self.access_log_off {
            self.options.access_log = None;
        }
        if self.tracing_off {
            self.options.tracing = None;
        }
        self.options
    }
}

fn access_log(
    log: &mut AccessLogOptions,
    option: &str,
    it: &Assignment,
) -> Result<(), ConfigError> {
    match option {
        "filePath" => log.file_path.clone_from(&it.value),
        "format" => {
            log.format = match it.value.as_str() {
                "common" => AccessLogFormat::Common,
                "genericCLF" => AccessLogFormat::GenericClf,
                "json" => AccessLogFormat::Json,
                _ => return Err(it.invalid("common, genericCLF or json")),
            };
        }
        "bufferingSize" => {
            let lines = it.value.parse();
            log.buffering_size = lines.map_err(|_| it.invalid("a number of lines"))?;
        }
        "filters.statusCodes" => {
            for item in it.items() {
                let range = status::range(&item).ok_or_else(|| {
                    let expected =
                        format!("a list of statuses, as in 404,500-599: {item:?} is none");
                    it.invalid(&expected)
                })?;
                log.status_codes.push(range);
            }
        }
        "filters.retryAttempts" => log.retry_attempts = it.truth()?,
        "filters.minDuration" => log.min_duration = duration(it)?,
        "fields.defaultMode" => log.fields.default_mode = Some(keep_or_drop(it)?),
        "fields.names.*" => {
            let mode = keep_or_drop(it)?;
            if let Some(name) = field(it)? {
                log.fields.names.insert(name.to_owned(), mode);
            }
        }
        "fields.headers.defaultMode" => log.headers.default_mode = Some(mode(it)?),
        "fields.headers.names.*" => select(&mut log.headers, header(it, it.name())?, it)?,
        "fields.queryParameters.defaultMode" => {
            log.query_parameters.default_mode = Some(mode(it)?);
        }
        "fields.queryParameters.names.*" => {
            select(&mut log.query_parameters, it.name().to_owned(), it)?;
        }
        "addInternals" => log.add_internals = it.truth()?,
        "requestId" => log.request_id = it.truth()?,
        _ => {}
    }
    Ok(())
}

/// The field of this name, as it is spelled. `None`: it is one that is never there.
fn field(it: &Assignment) -> Result<Option<&'static str>, ConfigError> {
    let written = it.name();
    let known = ACCESS_LOG_FIELDS.into_iter();
    if let Some(field) = known.clone().find(|it| it.eq_ignore_ascii_case(written)) {
        return Ok(Some(field));
    }
    if written.to_lowercase().starts_with(KUBERNETES) {
        return Ok(None);
    }
    let hint = match spelling::nearest(written, known) {
        Some(near) => format!("; did you mean {near}?"),
        None => format!("; there are {}", ACCESS_LOG_FIELDS.join(", ")),
    };
    Err(ConfigError::UnknownFlag {
        flag: it.written.clone(),
        hint,
    })
}

fn select(
    selection: &mut FieldSelection,
    name: String,
    it: &Assignment,
) -> Result<(), ConfigError> {
    selection.names.insert(name, mode(it)?);
    Ok(())
}

fn mode(it: &Assignment) -> Result<FieldMode, ConfigError> {
    match it.value.as_str() {
        "keep" => Ok(FieldMode::Keep),
        "drop" => Ok(FieldMode::Drop),
        "redact" => Ok(FieldMode::Redact),
        _ => Err(it.invalid("keep, drop or redact")),
    }
}

fn keep_or_drop(it: &Assignment) -> Result<FieldMode, ConfigError> {
    match mode(it) {
        Ok(mode) if mode != FieldMode::Redact => Ok(mode),
        _ => Err(it.invalid("keep or drop")),
    }
}

/// The lower-case name of a header.
fn header(it: &Assignment, name: &str) -> Result<String, ConfigError> {
    let name = HeaderName::try_from(name);
    let name = name.map_err(|_| it.invalid("for a name that a header can have"))?;
    Ok(name.as_str().to_owned())
}

fn headers(it: &Assignment) -> Result<Vec<String>, ConfigError> {
    it.items().map(|name| header(it, &name)).collect()
}

fn tracing(tracing: &mut TracingOptions, option: &str, it: &Assignment) -> Result<(), ConfigError> {
    match option {
        "serviceName" => tracing.service_name.clone_from(&it.value),
        "sampleRate" => {
            let rate = it.value.parse().ok();
            let rate = rate.filter(|rate| (0.0..=1.0).contains(rate));
            tracing.sample_rate = rate.ok_or_else(|| it.invalid("a number from 0 to 1"))?;
        }
        "capturedRequestHeaders" => tracing.captured_request_headers.extend(headers(it)?),
        "capturedResponseHeaders" => tracing.captured_response_headers.extend(headers(it)?),
        "safeQueryParams" => tracing.safe_query_params.extend(it.items()),
        "resourceAttributes.**" | "globalAttributes.**" => {
            let attributes = &mut tracing.resource_attributes;
            attributes.insert(it.name().to_owned(), it.value.clone());
        }
        "addInternals" => tracing.add_internals = it.truth()?,
        "otlp" => {
            it.truth()?;
        }
        "otlp.http" => {
            if it.truth()? {
                tracing.otlp.protocol = OtlpProtocol::Http;
            }
        }
        "otlp.grpc" => {
            if it.truth()? {
                tracing.otlp.protocol = OtlpProtocol::Grpc;
            }
        }
        _ => {
            if let Some(option) = option.strip_prefix("otlp.http.") {
                return otlp(tracing, OtlpProtocol::Http, option, it);
            }
            if let Some(option) = option.strip_prefix("otlp.grpc.") {
                return otlp(tracing, OtlpProtocol::Grpc, option, it);
            }
        }
    }
    Ok(())
}

fn otlp(
    tracing: &mut TracingOptions,
    protocol: OtlpProtocol,
    option: &str,
    it: &Assignment,
) -> Result<(), ConfigError> {
    let otlp = &mut tracing.otlp;
    otlp.protocol = protocol;
    match option {
        "endpoint" => {
            otlp.endpoint = match protocol {
                OtlpProtocol::Http => url(it)?,
                OtlpProtocol::Grpc => authority(it)?,
            };
        }
        "insecure" => otlp.insecure = it.truth()?,
        "headers.*" => {
            let name = header(it, it.name())?;
            if HeaderValue::from_str(&it.value).is_err() {
                return Err(it.invalid("a value that a header can have"));
            }
            otlp.headers.insert(name, it.value.clone());
        }
        "tls.ca" => otlp.ca.clone_from(&it.value),
        "tls.cert" => otlp.cert.clone_from(&it.value),
        "tls.key" => otlp.key.clone_from(&it.value),
        "tls.insecureSkipVerify" => otlp.insecure_skip_verify = it.truth()?,
        _ => {}
    }
    Ok(())
}

fn url(it: &Assignment) -> Result<String, ConfigError> {
    let url = it.value.parse::<Uri>().ok();
    let fits =
        |url: &Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.authority().is_some();
    match url.filter(fits) {
        // As Traefik has it: the path is a part of the endpoint.
        Some(_) => Ok(it.value.clone()),
        None => Err(it.invalid("a URL, as in https://collector:4318/v1/traces")),
    }
}

fn authority(it: &Assignment) -> Result<String, ConfigError> {
    let parsed = it.value.parse::<http::uri::Authority>();
    match parsed {
        Ok(authority) if authority.port().is_some() => Ok(it.value.clone()),
        _ => Err(it.invalid("HOST:PORT, as in collector:4317")),
    }
}
