"""The published library of Centrifugo for backends: what it is answered, as one line of JSON. Arguments: URL, key, channel."""

import json
import sys

from cent import (
    BroadcastRequest,
    CentError,
    ChannelsRequest,
    Client,
    HistoryRemoveRequest,
    HistoryRequest,
    InfoRequest,
    PresenceStatsRequest,
    PublishRequest,
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
said["channels"] = len(client.channels(ChannelsRequest(pattern="no-such:*")).channels)
try:
    client.history_remove(HistoryRemoveRequest(channel=CHANNEL))
except CentError as error:
    said["history_remove"] = type(error).__name__
print(json.dumps(said))
