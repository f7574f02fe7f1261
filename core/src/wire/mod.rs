//! How values are written into a trace and read from it: small numbers in few bytes, and any bytes may be read.

pub(crate) mod filler;
pub(crate) mod redact;

use core::num::{NonZeroU16, NonZeroU64};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use self::filler::Filler;

/// What is being written.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) bytes: Vec<u8>,
    /// What payloads are replaced by.
    pub(crate) filler: Option<Filler>,
}

/// What is being read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) bytes: &'a [u8],
    /// The next byte.
    pub(crate) at: usize,
}

/// Why a value cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    /// The bytes end before it does.
    End,
    /// It is none of the values that there are.
    Value(&'static str),
}

/// A value in a trace.
pub(crate) trait Wire: Sized {
    fn put(&self, output: &mut Output);
    fn get(input: &mut Input<'_>) -> Result<Self, Bad>;
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Bad> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..len)).ok_or(Bad::End)?;
        self.at += len;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Bad> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        self.take(N)?.try_into().map_err(|_| Bad::End)
    }

    /// As many bytes as the number in front of them says.
    pub(crate) fn sized(&mut self) -> Result<&'a [u8], Bad> {
        let len = usize::get(self)?;
        self.take(len)
    }
}

/// Seven bits in each byte, the lowest first.
impl Wire for u64 {
    fn put(&self, output: &mut Output) {
        let mut rest = *self;
        while rest >= 0x80 {
            output.bytes.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        output.bytes.push(rest.to_le_bytes()[0]);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = input.byte()?;
            let bits = Self::from(byte & 0x7f);
            if bits.leading_zeros() < shift {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Bad::Value("number"))
    }
}

macro_rules! numbers {
    ($($name:ty)*) => {$(
        impl Wire for $name {
            fn put(&self, output: &mut Output) {
                // No number of a trace has more than 64 bits.
                u64::try_from(*self).unwrap_or(u64::MAX).put(output);
            }

            fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
                u64::get(input)?.try_into().map_err(|_| Bad::Value("number"))
            }
        }
    )*};
}

numbers!(u8 u16 u32 usize);

macro_rules! numbers_above_zero {
    ($($name:ty)*) => {$(
        impl Wire for $name {
            fn put(&self, output: &mut Output) {
                self.get().put(output);
            }

            fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
                Self::new(Wire::get(input)?).ok_or(Bad::Value("number above zero"))
            }
        }
    )*};
}

numbers_above_zero!(NonZeroU16 NonZeroU64);

impl Wire for i32 {
    fn put(&self, output: &mut Output) {
        u32::from_le_bytes(self.to_le_bytes()).put(output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        Ok(Self::from_le_bytes(u32::get(input)?.to_le_bytes()))
    }
}

impl Wire for bool {
    fn put(&self, output: &mut Output) {
        output.bytes.push(u8::from(*self));
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        match input.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Bad::Value("flag")),
        }
    }
}

impl Wire for Duration {
    fn put(&self, output: &mut Output) {
        self.as_secs().put(output);
        self.subsec_nanos().put(output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        let (secs, nanos) = (u64::get(input)?, u32::get(input)?);
        if nanos < 1_000_000_000 { Ok(Self::new(secs, nanos)) } else { Err(Bad::Value("span of time")) }
    }
}

impl Wire for String {
    fn put(&self, output: &mut Output) {
        put_text(self, output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        get_text(input).map(str::to_owned)
    }
}

impl Wire for Arc<str> {
    fn put(&self, output: &mut Output) {
        put_text(self, output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        get_text(input).map(Self::from)
    }
}

pub(crate) fn put_text(text: &str, output: &mut Output) {
    text.len().put(output);
    output.bytes.extend_from_slice(text.as_bytes());
}

pub(crate) fn get_text<'a>(input: &mut Input<'a>) -> Result<&'a str, Bad> {
    core::str::from_utf8(input.sized()?).map_err(|_| Bad::Value("text"))
}

/// Every `Bytes` of the client is a payload that it does not read, unless something else is said.
impl Wire for Bytes {
    fn put(&self, output: &mut Output) {
        put_filled(self, output, Filler::fill);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        input.sized().map(Self::copy_from_slice)
    }
}

/// The payload of a message on this topic, as its replacement has to be.
pub(crate) fn put_payload(topic: &str, payload: &[u8], output: &mut Output) {
    put_filled(payload, output, |filler, payload| filler.fill_payload(topic.as_bytes(), payload));
}

/// A JSON text that the client reads.
pub(crate) fn put_json(text: &[u8], output: &mut Output) {
    put_filled(text, output, Filler::fill_json);
}

fn put_filled(payload: &[u8], output: &mut Output, fill: impl FnOnce(&Filler, &mut [u8])) {
    payload.len().put(output);
    let start = output.bytes.len();
    output.bytes.extend_from_slice(payload);
    if let Some(filler) = &output.filler {
        fill(filler, &mut output.bytes[start..]);
    }
}

impl<T: Wire> Wire for Box<T> {
    fn put(&self, output: &mut Output) {
        (**self).put(output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        T::get(input).map(Self::new)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, output: &mut Output) {
        self.is_some().put(output);
        if let Some(value) = self {
            value.put(output);
        }
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        if bool::get(input)? { T::get(input).map(Some) } else { Ok(None) }
    }
}

impl<T: Wire, const N: usize> Wire for [Option<T>; N] {
    fn put(&self, output: &mut Output) {
        for value in self {
            value.put(output);
        }
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        let mut values = [const { None }; N];
        for value in &mut values {
            *value = Option::get(input)?;
        }
        Ok(values)
    }
}

/// Every value takes a byte at least, so what is read never outgrows the bytes.
macro_rules! collections {
    ($($name:ident<$($part:ident),+> of $item:ty where $first:ident: $bound:ident;)*) => {$(
        impl<$($part: Wire),+> Wire for $name<$($part),+>
        where
            $first: $bound,
        {
            fn put(&self, output: &mut Output) {
                self.len().put(output);
                for item in self {
                    Item::put_item(&item, output);
                }
            }

            fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
                (0..usize::get(input)?).map(|_| <$item>::get(input)).collect()
            }
        }
    )*};
}

/// What a collection's iterator gives.
trait Item {
    fn put_item(&self, output: &mut Output);
}

impl<T: Wire> Item for &T {
    fn put_item(&self, output: &mut Output) {
        self.put(output);
    }
}

impl<K: Wire, V: Wire> Item for (&K, &V) {
    fn put_item(&self, output: &mut Output) {
        self.0.put(output);
        self.1.put(output);
    }
}

collections! {
    Vec<T> of T where T: Sized;
    VecDeque<T> of T where T: Sized;
    BTreeSet<T> of T where T: Ord;
    BTreeMap<K, V> of (K, V) where K: Ord;
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, output: &mut Output) {
        self.0.put(output);
        self.1.put(output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        Ok((A::get(input)?, B::get(input)?))
    }
}

impl<A: Wire, B: Wire, C: Wire> Wire for (A, B, C) {
    fn put(&self, output: &mut Output) {
        self.0.put(output);
        self.1.put(output);
        self.2.put(output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        Ok((A::get(input)?, B::get(input)?, C::get(input)?))
    }
}

/// A struct is its fields, in this order.
macro_rules! fields {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::wire::Wire for $name {
            fn put(&self, output: &mut $crate::wire::Output) {
                let Self { $($field),+ } = self;
                $($crate::wire::Wire::put($field, output);)+
            }

            fn get(input: &mut $crate::wire::Input<'_>) -> Result<Self, $crate::wire::Bad> {
                Ok(Self { $($field: $crate::wire::Wire::get(input)?),+ })
            }
        }
    };
    ($name:ident($field:ident)) => {
        impl $crate::wire::Wire for $name {
            fn put(&self, output: &mut $crate::wire::Output) {
                let Self($field) = self;
                $crate::wire::Wire::put($field, output);
            }

            fn get(input: &mut $crate::wire::Input<'_>) -> Result<Self, $crate::wire::Bad> {
                $crate::wire::Wire::get(input).map(Self)
            }
        }
    };
}

/// An enum is the number of its variant, and the variant's fields. A number is never used for anything else again.
macro_rules! variants {
    ($name:ident { $(
        $tag:literal = $variant:ident $(($($item:ident),+))? $({ $($field:ident),+ })?,
    )+ }) => {
        impl $crate::wire::Wire for $name {
            fn put(&self, output: &mut $crate::wire::Output) {
                match self {$(
                    Self::$variant $(($($item),+))? $({ $($field),+ })? => {
                        output.bytes.push($tag);
                        $($($crate::wire::Wire::put($item, output);)+)?
                        $($($crate::wire::Wire::put($field, output);)+)?
                    }
                )+}
            }

            fn get(input: &mut $crate::wire::Input<'_>) -> Result<Self, $crate::wire::Bad> {
                Ok(match input.byte()? {
                    $($tag => {
                        $($(let $item = $crate::wire::Wire::get(input)?;)+)?
                        Self::$variant $(($($item),+))? $({ $($field: $crate::wire::Wire::get(input)?),+ })?
                    })+
                    _ => return Err($crate::wire::Bad::Value(stringify!($name))),
                })
            }
        }
    };
}

pub(crate) use {fields, variants};
