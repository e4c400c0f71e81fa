"""A stock client of Centrifuge in Python: what it is told, as one line of JSON. Arguments: encoding, URL, token, channel."""

import asyncio
import json
import sys

from centrifuge import CentrifugeError, Client, PublicationContext, SubscribedContext, SubscriptionEventHandler

ENCODING, URL, TOKEN, CHANNEL = sys.argv[1:5]
PROTOBUF = ENCODING == "protobuf"


def payload(value):
    return json.dumps(value).encode() if PROTOBUF else value


def value(data):
    return json.loads(data) if PROTOBUF else data


class Events(SubscriptionEventHandler):
    def __init__(self):
        self.subscribed = asyncio.Queue()
        self.published = asyncio.Queue()

    async def on_subscribed(self, ctx: SubscribedContext):
        await self.subscribed.put(ctx)

    async def on_publication(self, ctx: PublicationContext):
        await self.published.put(value(ctx.pub.data))


def open_client():
    return Client(URL, token=TOKEN, use_protobuf=PROTOBUF, min_reconnect_delay=0.001)


async def main():
    client, events = open_client(), Events()
    subscription = client.new_subscription(CHANNEL, events=events)
    await client.connect()
    await subscription.subscribe()
    await events.subscribed.get()
    await subscription.publish(payload({"n": 1}))
    said = {"live": [await events.published.get()]}

    # What is published meanwhile is missed, and comes with the answer to the next subscribe.
    await client.disconnect()
    other = open_client()
    await other.connect()
    await other.ready()
    for n in (2, 3):
        await other.publish(CHANNEL, payload({"n": n}))
    await other.disconnect()
    await client.connect()
    said["recovered"] = (await events.subscribed.get()).recovered
    said["again"] = [await events.published.get(), await events.published.get()]

    history = await subscription.history(limit=2, reverse=True)
    said["history"] = [publication.offset for publication in history.publications]
    said["presence"] = (await subscription.presence_stats()).num_clients
    try:
        await client.rpc("method", payload({}))
    except CentrifugeError as error:
        said["rpc"] = error.code
    await client.disconnect()
    print(json.dumps(said))


asyncio.run(asyncio.wait_for(main(), 30))
