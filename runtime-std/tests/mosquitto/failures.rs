//! Links that the broker does not want, each with its own error.

use thingwire_sim::mosquitto::{Mosquitto, MosquittoOptions, MosquittoTls};

use crate::rig::{
    broker, deliver, fast, plain, plain_endpoint, publish, ready, receive_text, refusal, subscribe, tls_broker,
    tls_endpoint,
};
use crate::runtime::{ConnectRefusal, Layer, LinkError, Options, ProtocolError, TlsError};

/// AWS closes the connection instead, unless a custom authorizer is asked.
#[test]
fn only_the_right_user_name_and_password_are_accepted() {
    let users = vec![("user".to_owned(), "right pass word".to_owned())];
    let broker = Mosquitto::start(MosquittoOptions { users, ..MosquittoOptions::default() }).unwrap();
    let login = |name: Option<&str>, password: Option<&str>| {
        plain(&broker, "client").with(|config| {
            config.user_name = name.map(str::to_owned);
            config.password = password.map(Into::into);
        })
    };
    for (name, password) in
        [(Some("user"), Some("wrong")), (Some("nobody"), Some("right pass word")), (Some("user"), None), (None, None)]
    {
        let error = refusal(login(name, password));
        let LinkError::Refused(why) = error else { panic!("{error:?}") };
        assert!(matches!(why, ConnectRefusal::UserNameOrPassword | ConnectRefusal::NotAuthorized), "{why:?}");
        assert_eq!(error.layer(), Layer::Server);
        assert!(!error.to_string().contains("wrong"), "{error}");
    }
    let client = ready(login(Some("user"), Some("right pass word")));
    let messages = subscribe(&client, "t");
    deliver(&client, publish("t", "x"));
    assert_eq!(receive_text(&messages), "x");
}

#[test]
fn a_password_goes_through_tls() {
    let users = vec![("user".to_owned(), "right".to_owned())];
    let options =
        MosquittoOptions { plain: false, tls: Some(MosquittoTls::ServerOnly), users, ..MosquittoOptions::default() };
    let broker = Mosquitto::start(options).unwrap();
    let login = |password: &str| {
        let options = Options::tls_from_path(&tls_endpoint(&broker), "client", &broker.files().ca).unwrap();
        fast(options).with(|config| {
            config.user_name = Some("user".to_owned());
            config.password = Some(password.into());
        })
    };
    let _client = ready(login("right"));
    assert!(matches!(refusal(login("wrong")), LinkError::Refused(_)));
}

/// Mosquitto resets such connections without a word; other servers close them or send an alert.
#[test]
fn a_tls_client_on_the_plain_port_fails_before_it_has_said_who_it_is() {
    let broker = broker();
    let options = Options::tls_from_pem(&plain_endpoint(&broker), "client", broker.pki().ca().as_bytes()).unwrap();
    let error = refusal(fast(options));
    assert!(matches!(error, LinkError::Tls(TlsError::Closed | TlsError::NotTls)), "{error:?}");
}

#[test]
fn a_plain_client_on_the_tls_port_is_cut_off() {
    let broker = tls_broker(MosquittoTls::Mutual);
    let error = refusal(fast(Options::plain(&tls_endpoint(&broker), "client").unwrap()));
    let expected = matches!(error, LinkError::ClosedBeforeConnack | LinkError::Protocol(ProtocolError::Frame(_)));
    assert!(expected, "{error:?}");
}
