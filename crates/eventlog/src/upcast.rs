//! Reading events of every shape that was ever released.
//!
//! What is stored never changes: an older payload is brought to the newest shape each time it is read, one version at a
//! time, and only then decoded. So the code knows one shape of each event, and no reader knows that there were others.
//!
//! To give an event a new shape:
//!
//! 1. Change the variant, and let [`StoredEvent::schema_version`] answer the next number for it.
//! 2. Add an [`Upcast`](domain::Upcast) from the number before to [`StoredEvent::upcasts`]. It sees JSON, never a type
//!    of today: it must read the same in ten years. A member that was not known then gets the value that what was done
//!    then had; where there is none, the new member is an `Option`.
//! 3. Where `evolve` makes another state of the same old events, raise `Aggregate::FOLD_VERSION`.
//! 4. Run `veloera schemas`: it writes `v<N>.json` and `v<N>.sample.json` beside the older ones, which stay.
//! 5. List both in `schemas/released.lock` once they are released.
//!
//! Every run of the tests upcasts and decodes every sample of every version, and fails where a step is missing.

use domain::{StoredEvent, Upcast, UpcastError};
use serde::de::Error as _;
use serde_json::Value;

use crate::{Recorded, StoreError};

/// A payload of any version that was released, brought to the newest, with the version that it came to.
///
/// # Errors
/// When it is not what its version says; with the version that it had come to.
pub fn upcast<E: StoredEvent>(
    event_type: &str,
    mut version: u32,
    mut payload: Value,
) -> Result<(Value, u32), (UpcastError, u32)> {
    while let Some(upcast) = step::<E>(event_type, version) {
        payload = (upcast.step)(payload).map_err(|error| (error, version))?;
        version += 1;
    }
    Ok((payload, version))
}

fn step<E: StoredEvent>(event_type: &str, from: u32) -> Option<&'static Upcast> {
    E::upcasts().iter().find(|upcast| upcast.from == from && upcast.event_type == event_type)
}

/// Reads a payload in the shape that today's code knows, whichever shape it was written in.
///
/// # Errors
/// When it is of a newer shape or of an unknown type, or not what was written.
pub fn decode<E: StoredEvent>(recorded: &Recorded) -> Result<E, StoreError> {
    // Most events are of the newest shape: they are read as they are, without a document in between.
    let (read, version) = if step::<E>(&recorded.event_type, recorded.schema_version).is_some() {
        older(recorded)?
    } else {
        (E::read(&recorded.payload), recorded.schema_version)
    };
    match read {
        Ok(event) if is(&event, recorded, version) => Ok(event),
        Ok(_) => Err(unread::<E>(recorded, version, serde_json::Error::custom("its type is another one"))),
        Err(error) => Err(unread::<E>(recorded, version, error)),
    }
}

fn is<E: StoredEvent>(event: &E, recorded: &Recorded, version: u32) -> bool {
    event.tag() == recorded.event_type && event.schema_version() == version
}

fn older<E: StoredEvent>(recorded: &Recorded) -> Result<(serde_json::Result<E>, u32), StoreError> {
    let (log, position) = (recorded.log, recorded.position);
    let payload = serde_json::from_str(&recorded.payload).map_err(|source| StoreError::Decode {
        log,
        position,
        source,
    })?;
    let (payload, version) = upcast::<E>(&recorded.event_type, recorded.schema_version, payload).map_err(
        |(source, version)| StoreError::Upcast {
            log,
            position,
            event_type: recorded.event_type.clone(),
            version,
            source,
        },
    )?;
    Ok((serde_json::from_value(payload), version))
}

/// Why a payload that was brought to `version` is nothing that this program reads.
fn unread<E: StoredEvent>(recorded: &Recorded, version: u32, source: serde_json::Error) -> StoreError {
    let (log, position, event_type) = (recorded.log, recorded.position, recorded.event_type.clone());
    match newest::<E>(&event_type) {
        Some(newest) if version == newest => StoreError::Decode { log, position, source },
        Some(newest) if version < newest => StoreError::NoUpcast { log, position, event_type, version },
        Some(_) | None => StoreError::NewerEvent { log, position, event_type, version },
    }
}

/// The version that today's code writes of a type that it has.
fn newest<E: StoredEvent>(event_type: &str) -> Option<u32> {
    E::samples().iter().find(|sample| sample.tag() == event_type).map(StoredEvent::schema_version)
}

/// What is wrong with the steps of an event type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpcastFault {
    /// A version that was released is read by nothing.
    #[error("nothing upcasts `{event_type}` from version {from}")]
    Missing {
        /// Its type tag.
        event_type: &'static str,
        /// The version.
        from: u32,
    },
    /// A version is read in two ways.
    #[error("`{event_type}` is upcast from version {from} in two ways")]
    Twice {
        /// Its type tag.
        event_type: &'static str,
        /// The version.
        from: u32,
    },
    /// A step starts where nothing older is.
    #[error("`{event_type}` is upcast from version {from}, which is none that is older than the newest")]
    Idle {
        /// Its type tag.
        event_type: &'static str,
        /// The version.
        from: u32,
    },
}

/// What keeps the steps of `E` from being one for every version of every type but the newest; nothing where all is well.
pub fn upcast_faults<E: StoredEvent>() -> Vec<UpcastFault> {
    let missing = E::samples().into_iter().flat_map(|sample| {
        let event_type = sample.tag();
        (1..sample.schema_version())
            .filter(move |from| step::<E>(event_type, *from).is_none())
            .map(move |from| UpcastFault::Missing { event_type, from })
    });
    let needless = E::upcasts().iter().enumerate().filter_map(|(index, &Upcast { event_type, from, .. })| {
        let known = newest::<E>(event_type).unwrap_or(0);
        let same = |other: &&Upcast| other.event_type == event_type && other.from == from;
        if !(1..known).contains(&from) {
            Some(UpcastFault::Idle { event_type, from })
        } else if E::upcasts().iter().take(index).any(|other| same(&other)) {
            Some(UpcastFault::Twice { event_type, from })
        } else {
            None
        }
    });
    missing.chain(needless).collect()
}
