//! The certificate authority.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use super::files::{Readers, replace};

const CA: &str = "ca.pem";
const CA_KEY: &str = "ca-key.pem";
const CA_DAYS: i64 = 3650;
/// Clocks of machines differ, so a certificate is valid from a little earlier on.
const BACKDATED: Duration = Duration::hours(1);

pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, both PEM.
pub(super) struct Leaf {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    /// Takes the CA that is in a directory, or makes one there.
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let (certificate, key) = (directory.join(CA), directory.join(CA_KEY));
        if !certificate.exists() && !key.exists() {
            return Self::create(&certificate, &key);
        }
        let read = |path: &Path| {
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let issuer = KeyPair::from_pem(&read(&key)?)
            .and_then(|key| {
                read(&certificate)
                    .map(|pem| (pem, key))
                    .map_err(|_| rcgen::Error::CouldNotParseCertificate)
            })
            .and_then(|(pem, key)| Issuer::from_ca_cert_pem(&pem, key))
            .with_context(|| {
                format!(
                    "{CA} and {CA_KEY} in {} cannot be used; remove both for a new CA",
                    directory.display()
                )
            })?;
        Ok(Self { issuer })
    }

    fn create(certificate: &Path, key: &Path) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Wayside development CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        valid_for(&mut params, Duration::days(CA_DAYS));
        let pair = KeyPair::generate()?;
        let pem = params.self_signed(&pair)?.pem();
        replace(key, &pair.serialize_pem(), Readers::Owner)?;
        replace(certificate, &pem, Readers::All)?;
        Ok(Self { issuer: Issuer::new(params, pair) })
    }

    /// Issues a certificate that a server shows to its clients, and a client to its servers.
    pub(super) fn issue(&self, name: &str, hosts: &[String], days: u32) -> Result<Leaf> {
        let mut params =
            CertificateParams::new(hosts).context("a host is neither a name nor an IP address")?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        valid_for(&mut params, Duration::days(days.into()));
        let pair = KeyPair::generate()?;
        let certificate = params.signed_by(&pair, &self.issuer)?.pem();
        Ok(Leaf { certificate, key: pair.serialize_pem() })
    }
}

fn valid_for(params: &mut CertificateParams, time: Duration) {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - BACKDATED;
    params.not_after = now + time;
}
