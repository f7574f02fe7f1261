//! What a client sends, written out by hand.

pub(crate) const PINGREQ: &[u8] = &[0xc0, 0];
pub(crate) const DISCONNECT: &[u8] = &[0xe0, 0];

/// A CONNECT with everything that can be in one.
#[derive(Clone)]
pub(crate) struct Connect<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) will: Option<Will<'a>>,
    pub(crate) username: Option<&'a str>,
    pub(crate) password: Option<&'a [u8]>,
}

#[derive(Clone)]
pub(crate) struct Will<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
}

impl<'a> Connect<'a> {
    pub(crate) fn clean(client_id: &'a str) -> Self {
        Self { client_id, clean: true, keep_alive: 60, will: None, username: None, password: None }
    }

    pub(crate) fn persistent(client_id: &'a str) -> Self {
        Self { clean: false, ..Self::clean(client_id) }
    }

    pub(crate) fn will(self, topic: &'a str, payload: &'a str) -> Self {
        Self { will: Some(Will { topic, payload, qos: 1, retain: false }), ..self }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut flags = u8::from(self.clean) << 1;
        let mut payload = string(self.client_id);
        if let Some(will) = &self.will {
            flags |= 4 | will.qos << 3 | u8::from(will.retain) << 5;
            payload.extend(string(will.topic));
            payload.extend(string(will.payload));
        }
        if let Some(username) = self.username {
            flags |= 0x80;
            payload.extend(string(username));
        }
        if let Some(password) = self.password {
            flags |= 0x40;
            payload.extend(binary(password));
        }
        let mut body = string("MQTT");
        body.extend([4, flags]);
        body.extend(self.keep_alive.to_be_bytes());
        body.extend(payload);
        packet(0x10, &body)
    }
}

/// A PUBLISH with QoS 0.
pub(crate) fn publish0(topic: &str, payload: &[u8]) -> Vec<u8> {
    packet(0x30, &[string(topic), payload.to_vec()].concat())
}

/// A PUBLISH with QoS 0 and RETAIN.
pub(crate) fn retained(topic: &str, payload: &[u8]) -> Vec<u8> {
    packet(0x31, &[string(topic), payload.to_vec()].concat())
}

/// A PUBLISH with QoS 1.
pub(crate) fn publish1(id: u16, topic: &str, payload: &[u8]) -> Vec<u8> {
    packet(0x32, &[string(topic), id.to_be_bytes().to_vec(), payload.to_vec()].concat())
}

/// A PUBLISH with QoS 1 and DUP.
pub(crate) fn again1(id: u16, topic: &str, payload: &[u8]) -> Vec<u8> {
    with_first_byte(0x3a, publish1(id, topic, payload))
}

pub(crate) fn puback(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

pub(crate) fn subscribe(id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    for (filter, qos) in filters {
        body.extend(string(filter));
        body.push(*qos);
    }
    packet(0x82, &body)
}

pub(crate) fn unsubscribe(id: u16, filters: &[&str]) -> Vec<u8> {
    let filters = filters.iter().flat_map(|filter| string(filter));
    packet(0xa2, &id.to_be_bytes().into_iter().chain(filters).collect::<Vec<u8>>())
}

pub(crate) fn suback(id: u16, codes: &[u8]) -> Vec<u8> {
    packet(0x90, &[&id.to_be_bytes(), codes].concat())
}

pub(crate) fn unsuback(id: u16) -> Vec<u8> {
    packet(0xb0, &id.to_be_bytes())
}

pub(crate) fn connack(session_present: bool, code: u8) -> Vec<u8> {
    vec![0x20, 2, u8::from(session_present), code]
}

/// The same packet with other flags or of another type.
pub(crate) fn with_first_byte(first: u8, mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[0] = first;
    bytes
}

pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut rest = body.len();
    while rest >= 128 {
        out.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    out.push(u8::try_from(rest).unwrap());
    out.extend(body);
    out
}

pub(crate) fn string(text: &str) -> Vec<u8> {
    binary(text.as_bytes())
}

fn binary(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}
