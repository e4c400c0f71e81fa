"""The published library of Pusher for backends: what it is answered, as one line of JSON.
Arguments: port, id, key and secret of the app, a socket to leave out, its user."""

import json
import sys

import pusher

PORT, APP, KEY, SECRET, SOCKET, USER = sys.argv[1:7]
client = pusher.Pusher(app_id=APP, key=KEY, secret=SECRET, host="127.0.0.1", port=int(PORT), ssl=False)
ROOM = f"presence-{USER}"

client.trigger([ROOM, "a,b;c=@.x"], "note", {"n": 1})
client.trigger(ROOM, "note", {"n": "left out"}, socket_id=SOCKET)
client.trigger_batch(
    [{"channel": ROOM, "name": "note", "data": {"n": 2}}, {"channel": "other", "name": "note", "data": "text"}]
)
client.send_to_user(USER, "note", {"n": 3})
channels = client.channels_info(ROOM, ["user_count"])["channels"]
said = {
    "channels": {name: channel["user_count"] for name, channel in channels.items()},
    "members": client.channel_info(ROOM, ["user_count"])["user_count"],
    "users": [user["id"] for user in client.users_info(ROOM)["users"]],
}
try:
    client.trigger(ROOM, "note", "x" * 10_241)
except pusher.errors.PusherError:
    said["refused"] = True
client.terminate_user_connections(USER)
print(json.dumps(said))
