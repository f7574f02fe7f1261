//! The words for device shadows as they stand in a trace.

use bytes::Bytes;

use crate::wire::{Bad, Input, Output, Wire, fields, get_text, put_json, put_text, variants};
use crate::{
    Delta, Document, Documents, JsonError, Malformed, Rejection, Reply, ShadowEvent, ShadowName, ShadowNotice,
    ShadowOperation, ShadowRequest, ShadowUpdate, ShadowWatch, Unsent, WhenOffline,
};

fields!(ShadowRequest { shadow, operation, timeout, when_offline, token });
fields!(ShadowWatch { shadow, documents, deletions, get });
fields!(ShadowNotice { watch, shadow, event, ack });

variants!(WhenOffline { 0 = Refuse, 1 = Wait, });
variants!(ShadowOperation { 0 = Get, 1 = Update(update), 2 = Delete, });
variants!(Unsent { 0 = Offline, 1 = NotSubscribed, 2 = SubscriptionRefused, 3 = Crowded, });
variants!(ShadowEvent {
    0 = Delta(delta),
    1 = Documents(documents),
    2 = Current(document),
    3 = Absent,
    4 = Deleted { version },
    5 = Unreadable(why),
    6 = NotSubscribed,
    7 = GivenUp { times },
    8 = Malformed(malformed),
});

impl Wire for ShadowName {
    fn put(&self, output: &mut Output) {
        put_text(self.thing(), output);
        self.shadow().map(str::to_owned).put(output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        let thing = get_text(input)?;
        let name = match Option::<String>::get(input)? {
            Some(shadow) => Self::named(thing, &shadow),
            None => Self::classic(thing),
        };
        name.map_err(|_| Bad::Value("shadow"))
    }
}

impl Wire for ShadowUpdate {
    fn put(&self, output: &mut Output) {
        let Self { body, version, token, len, levels } = self;
        put_json(body, output);
        (*version, token.clone()).put(output);
        (*len, *levels).put(output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        let body = Bytes::get(input)?;
        let ((version, token), (len, levels)) = (Wire::get(input)?, Wire::get(input)?);
        // The request is made by writing into it.
        if body.ends_with(b"}") { Ok(Self { body, version, token, len, levels }) } else { Err(Bad::Value("update")) }
    }
}

/// What is nothing but a text.
macro_rules! texts {
    ($($name:ident)*) => {$(
        impl Wire for $name {
            fn put(&self, output: &mut Output) {
                put_json(&self.payload, output);
            }

            fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
                Ok(Self { payload: Wire::get(input)? })
            }
        }
    )*};
}

texts!(Reply Malformed);

/// Code and message are read again.
impl Wire for Rejection {
    fn put(&self, output: &mut Output) {
        put_json(&self.payload, output);
        if self.payload.is_empty() {
            self.message.put(output);
        }
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        let payload = Bytes::get(input)?;
        if payload.is_empty() {
            return Ok(Self { code: String::new(), message: Wire::get(input)?, payload });
        }
        Ok(Self::read(payload))
    }
}

/// What was parsed is parsed again.
macro_rules! parsed {
    ($($name:ident)*) => {$(
        impl Wire for $name {
            fn put(&self, output: &mut Output) {
                put_json(&self.raw, output);
            }

            fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
                Self::parse(Wire::get(input)?).map_err(|_| Bad::Value(stringify!($name)))
            }
        }
    )*};
}

parsed!(Document Documents);

/// Also in which of the two ways.
impl Wire for Delta {
    fn put(&self, output: &mut Output) {
        let published = Self::parse(self.raw.clone()).as_ref() == Ok(self);
        published.put(output);
        put_json(&self.raw, output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        let (published, raw) = Wire::get(input)?;
        let delta = if published { Self::parse(raw).ok() } else { Self::in_document(&Document::parse(raw)?) };
        delta.ok_or(Bad::Value("Delta"))
    }
}

impl From<JsonError> for Bad {
    fn from(_: JsonError) -> Self {
        Self::Value("JSON")
    }
}
