//! What the broker keeps of a client while it is away, and who may have a client id.

use crate::rig::{
    PATIENCE, broker, deliver, logged, notice, offline, once, online, persistent, plain, publish, ready, receive,
    receive_text, subscribe, text,
};
use crate::runtime::{Client, LinkError, Message, Notice, Qos};

#[test]
fn messages_published_while_the_client_is_away_arrive_without_a_new_subscribe() {
    const MESSAGES: usize = 10;
    let broker = broker();
    let reader = ready(persistent(&broker, "reader"));
    let messages = subscribe(&reader, "t/#");
    let notices = reader.notices();
    assert!(reader.stop(PATIENCE));

    let writer = ready(plain(&broker, "writer"));
    for number in 0..MESSAGES {
        deliver(&writer, publish(&format!("t/{number}"), number.to_string()));
    }
    assert_eq!(messages.try_recv(), None);
    reader.start();
    assert!(online(&notices), "the session is resumed");
    for number in 0..MESSAGES {
        assert_eq!(receive_text(&messages), number.to_string());
    }
    deliver(&reader, publish("t/end", "end"));
    assert_eq!(receive_text(&messages), "end");
    let log = logged(&broker, "'t/end'");
    assert_eq!(log.iter().filter(|line| line.contains("Received SUBSCRIBE from reader")).count(), 1);
}

#[test]
fn a_new_program_gets_the_messages_of_the_last_ones_subscriptions() {
    let broker = broker();
    let first = ready(persistent(&broker, "reader"));
    let _subscription = subscribe(&first, "t");
    drop(first);
    logged(&broker, "Client reader disconnected.");
    deliver(&ready(plain(&broker, "writer")), publish("t", "stored"));

    let second = Client::new(persistent(&broker, "reader")).unwrap();
    let notices = second.notices();
    second.start();
    assert!(online(&notices), "the session is resumed");
    let stored = notice(&notices, message);
    assert_eq!((stored.topic.as_str(), text(&stored)), ("t", "stored".to_owned()));
}

fn message(notice: &Notice) -> Option<Message> {
    if let Notice::Message(message) = notice { Some(message.clone()) } else { None }
}

#[test]
fn a_clean_session_forgets_and_is_subscribed_again() {
    let broker = broker();
    let reader = ready(plain(&broker, "reader"));
    let messages = subscribe(&reader, "t");
    let notices = reader.notices();
    assert!(reader.stop(PATIENCE));
    let writer = ready(plain(&broker, "writer"));
    deliver(&writer, publish("t", "missed"));
    reader.start();
    assert!(!online(&notices), "there is no session");
    reader.wait_ready(PATIENCE).unwrap();
    deliver(&writer, publish("t", "live"));
    assert_eq!(receive_text(&messages), "live");
}

#[test]
fn a_clean_session_ends_a_kept_one() {
    let broker = broker();
    let kept = ready(persistent(&broker, "client"));
    let _subscription = subscribe(&kept, "t");
    assert!(kept.stop(PATIENCE));
    assert!(ready(plain(&broker, "client")).stop(PATIENCE));
    let again = Client::new(persistent(&broker, "client")).unwrap();
    let notices = again.notices();
    again.start();
    assert!(!online(&notices));
}

/// Neither broker stores QoS 0 messages for a client that is away, unless Mosquitto is told to.
#[test]
fn qos_0_messages_are_not_kept_for_a_client_that_is_away() {
    let broker = broker();
    let reader = ready(persistent(&broker, "reader"));
    let messages = subscribe(&reader, "t");
    assert!(reader.stop(PATIENCE));
    let writer = ready(plain(&broker, "writer"));
    writer.publish(publish("t", "lost").qos(Qos::AtMostOnce)).unwrap();
    deliver(&writer, publish("t", "kept"));
    reader.start();
    assert_eq!(receive_text(&messages), "kept");
}

#[test]
fn what_was_not_acknowledged_by_hand_comes_again_as_a_duplicate() {
    let broker = broker();
    let client = ready(persistent(&broker, "by-hand").with(|config| config.manual_acks = true));
    let messages = subscribe(&client, "t");
    for payload in ["done", "not done"] {
        deliver(&client, publish("t", payload));
    }
    let (done, open) = (receive(&messages), receive(&messages));
    assert_eq!((text(&done), done.duplicate), ("done".to_owned(), false));
    assert_eq!((text(&open), open.duplicate), ("not done".to_owned(), false));
    let ack = |message: &Message| client.ack(message.ack.expect("a token"));
    ack(&done);
    assert!(client.stop(PATIENCE));

    client.start();
    let again = receive(&messages);
    assert_eq!((text(&again), again.duplicate), ("not done".to_owned(), true));
    // The tokens of the earlier link name nothing any more.
    ack(&done);
    ack(&open);
    assert!(client.stop(PATIENCE));

    client.start();
    let once_more = receive(&messages);
    assert_eq!((text(&once_more), once_more.duplicate), ("not done".to_owned(), true));
    ack(&once_more);
    assert!(client.stop(PATIENCE));

    client.start();
    deliver(&client, publish("t", "end"));
    assert_eq!(receive_text(&messages), "end");
}

#[test]
fn a_second_client_with_the_same_id_pushes_the_first_off() {
    let broker = broker();
    let first = ready(once(plain(&broker, "same")));
    let notices = first.notices();
    let second = ready(plain(&broker, "same"));
    assert_eq!(offline(&notices), LinkError::Closed);
    let messages = subscribe(&second, "t");
    deliver(&second, publish("t", "mine"));
    assert_eq!(receive_text(&messages), "mine");
}

/// AWS takes an empty client id too, but no policy can name it.
#[test]
fn the_broker_names_clients_without_an_id() {
    let broker = broker();
    let clients = [ready(plain(&broker, "")), ready(plain(&broker, ""))];
    for client in &clients {
        let messages = subscribe(client, "t");
        deliver(client, publish("t", "x"));
        assert_eq!(receive_text(&messages), "x");
    }
}
