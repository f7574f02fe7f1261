"""AWSIoTPythonSDK 1.6.2 against the double, with a certificate or in a signed WebSocket."""

import json
import queue
import socket
import sys

from AWSIoTPythonSDK.MQTTLib import AWSIoTMQTTClient, AWSIoTMQTTShadowClient

WAY, HOST, PORT, CA, CERT, KEY = sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:7]
PATIENCE = 20
WEBSOCKET = WAY == "websocket"

# The SDK signs for names of AWS only; whoever asks for one here gets this machine.
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: resolve("127.0.0.1" if host == HOST else host, *rest, **more)


def connected(client):
    client.configureEndpoint(HOST, PORT)
    if WEBSOCKET:
        # Its access key is in the environment.
        client.configureCredentials(CA)
    else:
        client.configureCredentials(CA, KEY, CERT)
    client.configureConnectDisconnectTimeout(PATIENCE)
    client.configureMQTTOperationTimeout(PATIENCE)
    assert client.connect()
    return client


def messages():
    client = connected(AWSIoTMQTTClient("v1-messages", useWebsocket=WEBSOCKET))
    arrived = queue.Queue()
    assert client.subscribe("greetings/#", 1, lambda _client, _data, message: arrived.put(message))
    for qos in (0, 1):
        assert client.publish(f"greetings/{qos}", f"hello {qos}", qos)
        message = arrived.get(timeout=PATIENCE)
        assert (message.topic, message.payload, message.qos) == (f"greetings/{qos}", f"hello {qos}".encode(), qos)
    assert client.unsubscribe("greetings/#")
    assert client.disconnect()


def shadow():
    client = connected(AWSIoTMQTTShadowClient("v1-shadow", useWebsocket=WEBSOCKET))
    lamp = client.createShadowHandlerWithName("v1-lamp", True)
    answers, deltas = queue.Queue(), queue.Queue()
    lamp.shadowRegisterDeltaCallback(lambda payload, *_: deltas.put(json.loads(payload)))

    def ask(call, *arguments):
        wanted = call(*arguments, lambda *answer: answers.put(answer), PATIENCE)
        payload, status, token = answers.get(timeout=PATIENCE + 5)
        assert token == wanted, (token, wanted)
        assert status != "timeout", arguments
        body = json.loads(payload)
        assert body["clientToken"] == token
        return status, body

    status, body = ask(lamp.shadowGet)
    assert (status, body["code"]) == ("rejected", 404), body

    status, body = ask(lamp.shadowUpdate, '{"state":{"reported":{"on":false,"serial":9007199254740993}}}')
    assert (status, body["version"]) == ("accepted", 1), body
    assert body["state"] == {"reported": {"on": False, "serial": 9007199254740993}}, body
    assert body["metadata"]["reported"]["on"]["timestamp"] == body["timestamp"], body

    status, body = ask(lamp.shadowUpdate, '{"state":{"desired":{"on":true}}}')
    assert (status, body["version"]) == ("accepted", 2), body
    delta = deltas.get(timeout=PATIENCE)
    assert (delta["version"], delta["state"]) == (2, {"on": True}), delta

    status, body = ask(lamp.shadowUpdate, '{"state":{"reported":{"on":true}},"version":1}')
    assert (status, body["code"], body["message"]) == ("rejected", 409, "Version conflict"), body
    status, body = ask(lamp.shadowUpdate, '{"stat":{}}')
    assert (status, body["code"]) == ("rejected", 400), body
    status, body = ask(lamp.shadowUpdate, json.dumps({"state": {"reported": {"big": "x" * 9000}}}))
    assert (status, body["code"]) == ("rejected", 413), body

    status, body = ask(lamp.shadowGet)
    assert (status, body["version"]) == ("accepted", 2), body
    assert body["state"]["delta"] == {"on": True}, body

    status, body = ask(lamp.shadowUpdate, '{"state":{"reported":{"on":true}},"version":2}')
    assert (status, body["version"]) == ("accepted", 3), body
    status, body = ask(lamp.shadowGet)
    assert "delta" not in body["state"], body

    status, body = ask(lamp.shadowDelete)
    assert (status, body["version"]) == ("accepted", 3), body
    status, body = ask(lamp.shadowDelete)
    assert (status, body["code"]) == ("rejected", 404), body
    status, body = ask(lamp.shadowUpdate, '{"state":{"reported":{"on":true}}}')
    assert (status, body["version"]) == ("accepted", 4), body
    assert deltas.empty()
    assert client.disconnect()


messages()
shadow()
