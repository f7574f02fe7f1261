//! The client's words as they stand in a trace.

use core::net::SocketAddr;

use crate::wire::filler::mask;
use crate::wire::{Bad, Input, Output, Wire, fields, get_text, put_payload, put_text, variants};
use crate::{
    AckToken, Action, BackoffConfig, CertificateInfo, Config, ConnectRefusal, ConnectStage, Drain, Filter, FrameError,
    Instant, Jitter, Limits, Link, LinkError, Message, Notice, Outcome, PacketKind, Password, ProtocolError,
    ProxyError, Publish, Qos, QueueConfig, Refusal, RequestConfig, TcpError, Ticket, TlsError, Topic, UpgradeHeader,
    WebSocketError, WebSocketFault, WhenFull, Will,
};

fields!(Link(number));
fields!(Ticket(number));
fields!(AckToken { link, serial });
fields!(CertificateInfo { subject, issuer, names, not_before_secs, not_after_secs });
fields!(Will { topic, payload, qos, retain });
fields!(BackoffConfig { base, max, stable, floor, jitter });
fields!(QueueConfig { count_max, bytes_max, when_full });
fields!(RequestConfig { timeout, count_max, in_flight_max, filters_max, watches_max, keep_subscriptions });
fields!(Limits {
    payload_len_max,
    packet_len_max,
    topic_len_max,
    topic_slashes_max,
    filters_per_request_max,
    subscriptions_max,
    client_id_len_max,
    publishes_per_second_max,
    bytes_per_second_max,
    connect_spacing,
    shadow_len_max,
    shadow_levels_max,
    dollar_reserved,
});

variants!(Qos { 0 = AtMostOnce, 1 = AtLeastOnce, });
variants!(Jitter { 0 = None, 1 = Full, 2 = Equal, 3 = Decorrelated, });
variants!(Drain { 0 = Every(interval), 1 = Adaptive, 2 = Unlimited, });
variants!(WhenFull { 0 = DropNewest, 1 = DropOldest, });

variants!(Action { 0 = Open(link), 1 = Close(link), 2 = Notify(notice), });
variants!(Notice {
    0 = Attempting { attempt },
    1 = Failed { why, retry_in },
    2 = Online { resumed },
    3 = Ready,
    4 = Offline { why, retry_in },
    5 = Stopped,
    6 = Message(message),
    7 = Done { ticket, outcome },
    8 = SubscriptionLost { filter },
    9 = Shadow(notice),
});
variants!(Outcome {
    0 = Sent,
    1 = Acked,
    2 = Subscribed(grants),
    3 = Unsubscribed,
    4 = Expired,
    5 = TimedOut,
    6 = ConnectionClosed { times },
    7 = Evicted,
    8 = Discarded,
    9 = Accepted(reply),
    10 = Rejected(why),
    11 = Unsent(why),
});
variants!(Refusal {
    0 = QueueFull { count_max },
    1 = QueueFullOfBytes { bytes_max },
    2 = Offline,
    3 = PayloadTooLong { len, max },
    4 = TopicTooLong { len, max },
    5 = TopicTooDeep { slashes, max },
    6 = RetainOnReservedTopic,
    7 = NoFilter,
    8 = TooManyFilters { count, max },
    9 = TooManySubscriptions { max },
    10 = FilterInUse { filter },
    11 = TooManyRequests { count_max },
    12 = TokenInUse,
    13 = TokenLen { len, max },
    14 = TooManyWatches { max },
    15 = ShadowTooLong { len, max },
    16 = ShadowTooDeep { levels, max },
});
variants!(LinkError {
    0 = Resolve { host, why },
    1 = Tcp { address, why },
    2 = Tls(error),
    3 = Protocol(error),
    4 = Refused(refusal),
    5 = ClosedBeforeConnack,
    6 = Closed,
    7 = KeepAlive,
    8 = ConnectTimeout { waiting_for },
    9 = RestoreTimeout,
    10 = Proxy(error),
    11 = Credentials { why },
    12 = WebSocket(error),
    13 = CredentialsService { why },
});
variants!(ConnectStage { 0 = Transport, 1 = Connack, 2 = Proxy, 3 = Tls, 4 = WebSocket, });
variants!(ProxyError {
    0 = LoginWanted,
    1 = LoginRefused,
    2 = AuthenticationKind,
    3 = Status { status },
    4 = Socks { code },
    5 = NotHttp,
    6 = NotSocks,
    7 = HeadTooLong { max },
    8 = Closed,
});
variants!(WebSocketError {
    0 = Refused { status, kind },
    1 = ClockSkew { ahead_seconds },
    2 = Redirect { status, location },
    3 = NotHttp,
    4 = HeadTooLong { max },
    5 = Header { header },
    6 = ClosedBeforeUpgrade,
    7 = Frame(fault),
    8 = Closed { code, reason },
});
variants!(UpgradeHeader { 0 = Upgrade, 1 = Connection, 2 = Accept, 3 = Protocol, 4 = Extensions, });
variants!(WebSocketFault {
    0 = ReservedBits,
    1 = Opcode { opcode },
    2 = Masked,
    3 = Length,
    4 = ControlTooLong,
    5 = ControlFragment,
    6 = Text,
    7 = Continuation,
    8 = Interleaved,
    9 = CloseBody,
});
variants!(TcpError {
    0 = Refused,
    1 = Reset,
    2 = Unreachable,
    3 = TimedOut,
    4 = WriteStalled,
    5 = Os { code },
});
variants!(TlsError {
    0 = UnknownIssuer { certificate, issuer, roots },
    1 = WrongName { certificate, wanted },
    2 = Expired { certificate, now },
    3 = NotYetValid { certificate, now },
    4 = BadCertificate { certificate, why },
    5 = Alert { name },
    6 = Closed,
    7 = NotTls,
    8 = Other { why },
    9 = OtherPin { certificate, pin },
    10 = DeviceRefused { certificate, alert },
});
variants!(ProtocolError {
    0 = Frame(error),
    1 = Http,
    2 = BeforeConnect,
    3 = NotConnack,
    4 = SecondConnack,
    5 = SessionOfCleanConnect,
    6 = SubackCount { expected, got },
});
variants!(FrameError {
    0 = FixedHeader { first },
    1 = Qos2 { first },
    2 = RemainingLength,
    3 = PacketTooLong { len, max },
    4 = BodyLength { kind, len },
    5 = Connack { flags, code },
    6 = SubackCode { code },
    7 = PacketIdZero { kind },
    8 = Topic,
    9 = Codec,
});
variants!(PacketKind {
    0 = Connack,
    1 = Publish,
    2 = Puback,
    3 = Suback,
    4 = Unsuback,
    5 = Pingresp,
});
variants!(ConnectRefusal {
    0 = ProtocolVersion,
    1 = ClientId,
    2 = ServerUnavailable,
    3 = UserNameOrPassword,
    4 = NotAuthorized,
});

/// What the payload is replaced by depends on the topic.
impl Wire for Publish {
    fn put(&self, output: &mut Output) {
        let Self { topic, payload, qos, retain, expires_in } = self;
        topic.put(output);
        put_payload(topic.as_str(), payload, output);
        (*qos, *retain, *expires_in).put(output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        let (topic, payload) = Wire::get(input)?;
        let (qos, retain, expires_in) = Wire::get(input)?;
        Ok(Self { topic, payload, qos, retain, expires_in })
    }
}

impl Wire for Message {
    fn put(&self, output: &mut Output) {
        let Self { topic, payload, qos, retain, duplicate, ack } = self;
        topic.put(output);
        put_payload(topic.as_str(), payload, output);
        (*qos, *retain).put(output);
        (*duplicate, *ack).put(output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        let (topic, payload) = Wire::get(input)?;
        let (qos, retain) = Wire::get(input)?;
        let (duplicate, ack) = Wire::get(input)?;
        Ok(Self { topic, payload, qos, retain, duplicate, ack })
    }
}

impl Wire for Instant {
    fn put(&self, output: &mut Output) {
        self.as_micros().put(output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        u64::get(input).map(Self::from_micros)
    }
}

impl Wire for Topic {
    fn put(&self, output: &mut Output) {
        put_text(self.as_str(), output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        Self::new(get_text(input)?).map_err(|_| Bad::Value("topic"))
    }
}

impl Wire for Filter {
    fn put(&self, output: &mut Output) {
        put_text(self.as_str(), output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        Self::new(get_text(input)?).map_err(|_| Bad::Value("filter"))
    }
}

impl Wire for SocketAddr {
    fn put(&self, output: &mut Output) {
        self.to_string().put(output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        get_text(input)?.parse().map_err(|_| Bad::Value("address"))
    }
}

/// Everything, but of the login no more than its length.
impl Wire for Config {
    fn put(&self, output: &mut Output) {
        let Self {
            client_id,
            clean_session,
            keep_alive,
            will,
            user_name: _,
            login_query: _,
            password,
            sdk_metrics,
            manual_acks,
            connect_timeout,
            write_timeout,
            operation_timeout,
            resend_after,
            closes_max,
            backoff,
            queue,
            drain,
            in_flight_max,
            unacked_max,
            actions_max,
            requests,
            limits,
        } = self;
        client_id.put(output);
        (*clean_session, *keep_alive).put(output);
        will.put(output);
        self.login_name().map(|name| masked(&name)).put(output);
        password.as_ref().map(|password| masked(password.expose())).put(output);
        (*sdk_metrics, *manual_acks).put(output);
        (*connect_timeout, *write_timeout, *operation_timeout).put(output);
        (*resend_after, *closes_max).put(output);
        (*backoff, *queue, *drain).put(output);
        (*in_flight_max, *unacked_max, *actions_max).put(output);
        requests.put(output);
        limits.put(output);
    }

    fn get(input: &mut Input<'_>) -> Result<Self, Bad> {
        Ok(Self {
            client_id: Wire::get(input)?,
            clean_session: Wire::get(input)?,
            keep_alive: Wire::get(input)?,
            will: Wire::get(input)?,
            user_name: Wire::get(input)?,
            login_query: None,
            password: Option::<String>::get(input)?.map(Password::from),
            sdk_metrics: Wire::get(input)?,
            manual_acks: Wire::get(input)?,
            connect_timeout: Wire::get(input)?,
            write_timeout: Wire::get(input)?,
            operation_timeout: Wire::get(input)?,
            resend_after: Wire::get(input)?,
            closes_max: Wire::get(input)?,
            backoff: Wire::get(input)?,
            queue: Wire::get(input)?,
            drain: Wire::get(input)?,
            in_flight_max: Wire::get(input)?,
            unacked_max: Wire::get(input)?,
            actions_max: Wire::get(input)?,
            requests: Wire::get(input)?,
            limits: Wire::get(input)?,
        })
    }
}

fn masked(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    mask(&mut bytes);
    String::from_utf8(bytes).unwrap_or_default()
}
