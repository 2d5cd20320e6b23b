//! The files of the key: the private one, for whoever makes tokens, and the public one, for servers.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use wayside_chassis::auth::{KeySet, SigningKey};

use crate::certs::{Readers, replace};

/// What others than its owner may do with a file.
const OTHERS: u32 = 0o077;
/// A key in PEM has about 120 bytes.
const MAX_KEY_BYTES: u64 = 64 * 1024;
/// How much of the public key is its id.
const ID_CHARACTERS: usize = 16;

/// The private key in a file, which is made if it is missing.
///
/// # Errors
/// When the file cannot be used or made. Nothing of its contents is told.
pub(super) fn signing_key(path: &Path) -> Result<SigningKey> {
    let named = || format!("--key {} cannot be used", path.display());
    let key = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => create(path).with_context(named),
        Err(error) => Err(error).with_context(named),
        Ok(file) => read(&file).with_context(named),
    }?;
    let id = id(&key)?;
    Ok(key.with_id(id))
}

fn read(file: &File) -> Result<SigningKey> {
    let metadata = file.metadata()?;
    ensure!(metadata.is_file(), "it is not a file");
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        bail!(
            "others have access to it (mode {mode:o}), and whoever has it can make tokens; chmod 600 it, or remove it for a new one"
        );
    }
    let mut pem = Vec::new();
    file.take(MAX_KEY_BYTES).read_to_end(&mut pem)?;
    SigningKey::from_pem(&pem).context("remove it for a new one")
}

/// Makes the key, unless somebody else has just done so.
fn create(path: &Path) -> Result<SigningKey> {
    make_directory(path)?;
    let key = SigningKey::generate()?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            file.write_all(key.private_pem().as_bytes())?;
            file.sync_all()?;
            Ok(key)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => read(&File::open(path)?),
        Err(error) => Err(error.into()),
    }
}

/// Writes the public key, as a JWK Set of this key alone. One that was there for another key of ours is replaced; whatever else is there stays.
///
/// # Errors
/// When there is something else, or the file cannot be written.
pub(super) fn publish(key: &SigningKey, path: &Path) -> Result<()> {
    let named = || format!("--jwks {} cannot be used", path.display());
    let jwks = key.public_jwks() + "\n";
    match fs::read(path) {
        Ok(there) if there == jwks.as_bytes() => return Ok(()),
        Ok(there) => replaceable(&there)
            .context("it was not written for this; name another file")
            .with_context(named)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make_directory(path).with_context(named)?;
        }
        Err(error) => return Err(error).with_context(named),
    }
    replace(path, &jwks, Readers::All).with_context(named)
}

/// Whether a document is what [`publish`] writes, so that nothing is lost with it but a key that is out of use.
fn replaceable(document: &[u8]) -> Result<()> {
    ensure!(KeySet::parse(document)?.count() == 1, "it has several keys");
    Ok(())
}

fn make_directory(of: &Path) -> Result<()> {
    Ok(of.parent().map_or(Ok(()), fs::create_dir_all)?)
}

/// The beginning of the public key, which needs no place to be kept in. With an id, a server that sees a token of a new key looks for it at once instead of
/// when it is time to.
fn id(key: &SigningKey) -> Result<String> {
    let jwks: serde_json::Value = serde_json::from_str(&key.public_jwks())?;
    let public = jwks["keys"][0]["x"].as_str().context("the key has no public part")?;
    Ok(public.chars().take(ID_CHARACTERS).collect())
}
