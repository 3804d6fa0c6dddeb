//! `passTLSClientCert`: tells the server about the client's certificate.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use crate::label::Fields;

/// Options of `passTLSClientCert`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PassTlsClientCert {
    /// The certificates themselves.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pem: bool,
    /// What stands in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<CertificateInfo>,
}

/// Which parts of a certificate are told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateInfo {
    /// End of validity.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not_after: bool,
    /// Start of validity.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not_before: bool,
    /// Other names.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sans: bool,
    /// Its number.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub serial_number: bool,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<DistinguishedName>,
    /// Who issued it; it has no organizational unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<DistinguishedName>,
}

/// Which parts of a name are told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DistinguishedName {
    /// `C`
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub country: bool,
    /// `ST`
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub province: bool,
    /// `L`
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub locality: bool,
    /// `O`
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub organization: bool,
    /// `OU`
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub organizational_unit: bool,
    /// `CN`
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub common_name: bool,
    /// `SN`
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub serial_number: bool,
    /// `DC`
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub domain_component: bool,
}

impl PassTlsClientCert {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Self {
        const INFO: &str = "passTLSClientCert.info";
        fields.remark(
            "",
            "passTLSClientCert removes its headers from requests and sets none: no client has a certificate yet",
            "it may stay for when entry points have TLS",
        );
        let on = |option: &str| fields.boolean(option).unwrap_or_default();
        let info = CertificateInfo {
            not_after: on("passTLSClientCert.info.notAfter"),
            not_before: on("passTLSClientCert.info.notBefore"),
            sans: on("passTLSClientCert.info.sans"),
            serial_number: on("passTLSClientCert.info.serialNumber"),
            subject: name(fields, &format!("{INFO}.subject")),
            issuer: name(fields, &format!("{INFO}.issuer")),
        };
        Self {
            pem: on("passTLSClientCert.pem"),
            info: (info != CertificateInfo::default()).then_some(info),
        }
    }

    pub(super) fn encode(&self) -> proto::PassTlsClientCert {
        proto::PassTlsClientCert {
            pem: self.pem,
            info: self.info.as_ref().map(|info| proto::CertificateInfo {
                not_after: info.not_after,
                not_before: info.not_before,
                sans: info.sans,
                serial_number: info.serial_number,
                subject: info.subject.as_ref().map(DistinguishedName::encode),
                issuer: info.issuer.as_ref().map(DistinguishedName::encode),
            }),
        }
    }
}

impl DistinguishedName {
    fn encode(&self) -> proto::DistinguishedName {
        proto::DistinguishedName {
            country: self.country,
            province: self.province,
            locality: self.locality,
            organization: self.organization,
            organizational_unit: self.organizational_unit,
            common_name: self.common_name,
            serial_number: self.serial_number,
            domain_component: self.domain_component,
        }
    }
}

fn name(fields: &Fields, option: &str) -> Option<DistinguishedName> {
    let on = |part: &str| {
        fields
            .boolean(&format!("{option}.{part}"))
            .unwrap_or_default()
    };
    let name = DistinguishedName {
        country: on("country"),
        province: on("province"),
        locality: on("locality"),
        organization: on("organization"),
        organizational_unit: on("organizationalUnit"),
        common_name: on("commonName"),
        serial_number: on("serialNumber"),
        domain_component: on("domainComponent"),
    };
    (name != DistinguishedName::default()).then_some(name)
}
