"""The published library of Centrifugo for backends: what it is answered, as one line of JSON. Arguments: URL, key, channel."""

import json
import sys

from cent import (
    BroadcastRequest,
    CentApiResponseError,
    ChannelsRequest,
    Client,
    Disconnect,
    DisconnectRequest,
    HistoryRemoveRequest,
    HistoryRequest,
    InfoRequest,
    PresenceStatsRequest,
    PublishRequest,
    RefreshRequest,
    StreamPosition,
    SubscribeRequest,
    UnsubscribeRequest,
)

URL, KEY, CHANNEL = sys.argv[1:4]
client = Client(URL, KEY)
said = {
    "offsets": [client.publish(PublishRequest(channel=CHANNEL, data={"n": n})).offset for n in (1, 2)],
    "responses": len(client.broadcast(BroadcastRequest(channels=[CHANNEL, f"{CHANNEL}-2"], data=3)).responses),
    "history": [p.data for p in client.history(HistoryRequest(channel=CHANNEL, limit=10)).publications],
    "presence": client.presence_stats(PresenceStatsRequest(channel=CHANNEL)).num_clients,
    "nodes": len(client.info(InfoRequest()).nodes),
}
client.subscribe(SubscribeRequest(user="nobody", channel=CHANNEL))
client.unsubscribe(UnsubscribeRequest(user="nobody", channel=CHANNEL))
# With each option that there is.
client.subscribe(
    SubscribeRequest(
        user="nobody",
        channel=CHANNEL,
        info={"name": "nobody"},
        b64info="aW5mbw==",
        client="client",
        session="session",
        data={"a": 1},
        recover_since=StreamPosition(offset=1, epoch="1"),
    )
)
client.disconnect(
    DisconnectRequest(
        user="nobody",
        client="client",
        session="session",
        whitelist=["other"],
        disconnect=Disconnect(code=4000, reason="enough"),
    )
)
client.refresh(RefreshRequest(user="nobody", client="client", session="session", expire_at=1, expired=True))
said["channels"] = len(client.channels(ChannelsRequest(pattern="no-such:*")).channels)
client.history_remove(HistoryRemoveRequest(channel=CHANNEL))
said["removed"] = len(client.history(HistoryRequest(channel=CHANNEL, limit=10)).publications)
try:
    client.publish(PublishRequest(channel="no-such:1", data=1))
except CentApiResponseError as error:
    said["unknown"] = error.code
print(json.dumps(said))
