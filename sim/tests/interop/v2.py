"""awsiotsdk (the second SDK) against the double, with its MQTT 3.1.1 client, and a certificate or a signed WebSocket."""

import os
import queue
import sys
import threading
import uuid

import awsiot
from awscrt import auth, mqtt, mqtt_request_response
from awsiot import iotshadow, mqtt_connection_builder
from awsiot.iotshadow import ShadowState

WAY, HOST, PORT, CA, CERT, KEY = sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:7]
PATIENCE = 20
QOS = mqtt.QoS.AT_LEAST_ONCE


def connected(client_id, clean_session=True, on_message=None):
    common = dict(
        endpoint=HOST,
        port=PORT,
        ca_filepath=CA,
        client_id=client_id,
        clean_session=clean_session,
        keep_alive_secs=30,
    )
    if WAY == "websocket":
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        credentials = auth.AwsCredentialsProvider.new_static(*(os.environ[name] for name in names))
        connection = mqtt_connection_builder.websockets_with_default_aws_signing(
            region="eu-west-1", credentials_provider=credentials, **common
        )
    else:
        connection = mqtt_connection_builder.mtls_from_path(cert_filepath=CERT, pri_key_filepath=KEY, **common)
    if on_message:
        connection.on_message(on_message)
    present = connection.connect().result(PATIENCE)["session_present"]
    return connection, present


def messages():
    arrived = queue.Queue()
    put = lambda topic, payload, dup, qos, retain, **_: arrived.put((topic, payload, qos, retain))
    connection, present = connected("v2-messages", clean_session=False, on_message=put)
    assert not present
    future, _ = connection.subscribe("greetings/#", QOS)
    assert future.result(PATIENCE)["qos"] == QOS
    for qos in (mqtt.QoS.AT_MOST_ONCE, QOS):
        future, _ = connection.publish("greetings/all", b"hello", qos)
        future.result(PATIENCE)
        assert arrived.get(timeout=PATIENCE) == ("greetings/all", b"hello", qos, False)
    connection.disconnect().result(PATIENCE)

    other, _ = connected("v2-other")
    other.publish("greetings/missed", b"hello again", QOS)[0].result(PATIENCE)
    other.disconnect().result(PATIENCE)

    assert connection.connect().result(PATIENCE)["session_present"]
    assert arrived.get(timeout=PATIENCE) == ("greetings/missed", b"hello again", QOS, False)
    connection.unsubscribe("greetings/#")[0].result(PATIENCE)
    connection.disconnect().result(PATIENCE)


class Shadow:
    """One shadow by its topics, classic or named: publish a request, take what comes on any of them."""

    def __init__(self, connection, thing, name):
        self.client = iotshadow.IotShadowClient(connection)
        self.named = "named_" if name else ""
        self.Named = "Named" if name else ""
        self.keys = {"thing_name": thing, **({"shadow_name": name} if name else {})}
        self.arrived = queue.Queue()
        for call in ("get", "update", "delete"):
            request = getattr(iotshadow, f"{call.title()}{self.Named}ShadowSubscriptionRequest")(**self.keys)
            for kind in ("accepted", "rejected"):
                self.subscribe(f"subscribe_to_{call}_{self.named}shadow_{kind}", f"{call}/{kind}", request)
        delta = getattr(iotshadow, f"{self.Named}ShadowDeltaUpdatedSubscriptionRequest")(**self.keys)
        self.subscribe(f"subscribe_to_{self.named}shadow_delta_updated_events", "delta", delta)
        updated = getattr(iotshadow, f"{self.Named}ShadowUpdatedSubscriptionRequest")(**self.keys)
        self.subscribe(f"subscribe_to_{self.named}shadow_updated_events", "documents", updated)

    def subscribe(self, method, kind, request):
        put = lambda message: self.arrived.put((kind, message))
        future, _ = getattr(self.client, method)(request=request, qos=QOS, callback=put)
        future.result(PATIENCE)

    def ask(self, call, count, **fields):
        """Everything that comes of a request, by its kind."""
        token = str(uuid.uuid4())
        Request = getattr(iotshadow, f"{call.title()}{self.Named}ShadowRequest")
        request = Request(client_token=token, **self.keys, **fields)
        getattr(self.client, f"publish_{call}_{self.named}shadow")(request, QOS).result(PATIENCE)
        arrived = dict(self.arrived.get(timeout=PATIENCE) for _ in range(count))
        assert len(arrived) == count, arrived
        for kind, message in arrived.items():
            # What the SDK has of `documents` is without the token.
            assert getattr(message, "client_token", token) == token, (kind, message)
            assert message.timestamp is not None
        return arrived


def shadow(connection, name):
    lamp = Shadow(connection, "v2-lamp", name)

    told = lamp.ask("get", 1)
    assert told["get/rejected"].code == 404, told
    assert (name or "Unnamed Shadow") in told["get/rejected"].message, told

    told = lamp.ask("update", 2, state=ShadowState(reported={"on": False, "rooms": [1, {"a": 2}]}))
    accepted = told["update/accepted"]
    assert (accepted.version, accepted.state.reported) == (1, {"on": False, "rooms": [1, {"a": 2}]})
    assert accepted.state.desired is None
    assert told["documents"].previous is None
    assert told["documents"].current.version == 1

    told = lamp.ask("update", 3, state=ShadowState(desired={"on": True, "colour": "red"}))
    assert (told["delta"].version, told["delta"].state) == (2, {"on": True, "colour": "red"})
    assert set(told["delta"].metadata) == {"on", "colour"}
    assert told["documents"].previous.state.reported["on"] is False
    assert told["documents"].current.state.desired == {"on": True, "colour": "red"}

    told = lamp.ask("get", 1)
    got = told["get/accepted"]
    assert got.version == 2 and got.state.delta == {"on": True, "colour": "red"}, got.state

    told = lamp.ask("update", 1, state=ShadowState(reported={"on": True}), version=7)
    assert (told["update/rejected"].code, told["update/rejected"].message) == (409, "Version conflict")

    told = lamp.ask("update", 2, state=ShadowState(reported={"on": True}, desired={"colour": None}), version=2)
    assert told["update/accepted"].state.desired == {"colour": None}
    assert told["documents"].current.state.desired == {"on": True}

    told = lamp.ask("update", 3, state=ShadowState(reported=None, reported_is_nullable=True))
    assert told["update/accepted"].state.reported_is_nullable
    assert told["documents"].current.state.reported is None
    assert told["delta"].state == {"on": True}

    told = lamp.ask("delete", 1)
    assert told["delete/accepted"].version == 4, told
    told = lamp.ask("delete", 1)
    assert told["delete/rejected"].code == 404, told


def request_response(connection):
    """The newer client of the same SDK, which subscribes, asks and matches by itself."""
    options = mqtt_request_response.ClientOptions(
        max_request_response_subscriptions=4,
        max_streaming_subscriptions=2,
        operation_timeout_in_seconds=PATIENCE,
    )
    client = iotshadow.IotShadowClientV2(connection, options)
    ready, deltas = threading.Event(), queue.Queue()
    stream = client.create_named_shadow_delta_updated_stream(
        iotshadow.NamedShadowDeltaUpdatedSubscriptionRequest(thing_name="v2-lamp", shadow_name="rr"),
        awsiot.ServiceStreamOptions(deltas.put, lambda _status: ready.set()),
    )
    stream.open()
    assert ready.wait(PATIENCE)
    absent = client.get_named_shadow(iotshadow.GetNamedShadowRequest(thing_name="v2-lamp", shadow_name="rr"))
    assert absent.exception(PATIENCE).modeled_error.code == 404
    update = iotshadow.UpdateNamedShadowRequest(
        thing_name="v2-lamp", shadow_name="rr", state=ShadowState(desired={"on": True})
    )
    assert client.update_named_shadow(update).result(PATIENCE).version == 1
    assert deltas.get(timeout=PATIENCE).state == {"on": True}
    request = iotshadow.DeleteNamedShadowRequest(thing_name="v2-lamp", shadow_name="rr")
    assert client.delete_named_shadow(request).result(PATIENCE).version == 1


messages()
connection, _ = connected("v2-shadow")
shadow(connection, None)
shadow(connection, "config")
request_response(connection)
connection.disconnect().result(PATIENCE)
